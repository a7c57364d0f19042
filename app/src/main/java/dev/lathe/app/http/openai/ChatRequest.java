package dev.lathe.app.http.openai;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.app.http.Fields;
import dev.lathe.app.http.Range;
import dev.lathe.app.http.serving.Dialogue;
import dev.lathe.app.http.serving.Tools;
import dev.lathe.compute.text.Message;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What `/v1/chat/completions` takes.
///
/// @param maxTokens null: as many as the context holds
/// @param topLogprobs likeliest tokens beside each token; -1 where no log-probabilities are wanted
/// @param templateVariables further names for the chat template
record ChatRequest(
    String model,
    List<Message> messages,
    Decoding decoding,
    @Nullable Integer maxTokens,
    int topLogprobs,
    Streaming streaming,
    Sharing sharing,
    OutputForm form,
    Tools tools,
    Map<String, Object> templateVariables) {
  private static final String TEXT_ONLY = "this server reads and writes text";
  private static final String NOTHING_KEPT = "this server keeps nothing of a request";
  private static final ObjectMapper MAPPER = new ObjectMapper();

  static ChatRequest read(Fields in) {
    String model = in.field("model", "name of the base, of an adapter, or an alias").text();
    List<Message> messages =
        in.field("messages", "the conversation so far").someObjects(ChatMessages::read);
    ChatRequest request =
        new ChatRequest(
            model,
            messages,
            Decoding.read(in),
            maxTokens(in),
            topLogprobs(in),
            Streaming.read(in),
            Sharing.read(in),
            OutputForm.read(in),
            Tools.read(in),
            templateVariables(in));
    refuse(in);
    Integer most = request.maxTokens;
    if (most != null && request.decoding.minTokens() > most) {
      in.problem("min_tokens", "'min_tokens' is more than the most tokens, " + most);
    }
    return request;
  }

  Dialogue dialogue() {
    return new Dialogue(messages, templateVariables, tools, form.grammar(), form.parameter());
  }

  private static @Nullable Integer maxTokens(Fields in) {
    Integer now =
        in.field("max_completion_tokens", "most tokens of an answer, thoughts included")
            .wholeOrNull(Range.from(1));
    Integer before =
        in.field("max_tokens", "the older name of max_completion_tokens")
            .wholeOrNull(Range.from(1));
    if (now != null && before != null && !now.equals(before)) {
      in.problem("max_tokens", "'max_tokens' and 'max_completion_tokens' differ: give one");
    }
    return now == null ? before : now;
  }

  private static int topLogprobs(Fields in) {
    boolean wanted = in.field("logprobs", "whether log-probabilities are given").flag(false);
    Integer top =
        in.field("top_logprobs", "likeliest tokens given beside each; needs logprobs")
            .wholeOrNull(Range.of(0, 20));
    if (top != null && !wanted) {
      in.problem("top_logprobs", "'top_logprobs' needs 'logprobs': true");
    }
    if (!wanted) {
      return -1;
    }
    return top == null ? 0 : top;
  }

  /// `chat_template_kwargs`.
  static Map<String, Object> templateVariables(Fields in) {
    ObjectNode given =
        in.field("chat_template_kwargs", "further names for the chat template").json();
    Map<String, Object> variables = new LinkedHashMap<>();
    if (given != null) {
      for (Map.Entry<String, JsonNode> each : given.properties()) {
        variables.put(each.getKey(), MAPPER.convertValue(each.getValue(), Object.class));
      }
    }
    return variables;
  }

  private static void refuse(Fields in) {
    in.refused("functions", "use tools", "[]");
    in.refused("function_call", "use tool_choice", "\"none\"", "\"auto\"");
    in.refused("audio", TEXT_ONLY);
    in.refused("modalities", TEXT_ONLY, "[\"text\"]");
    in.refused("prediction", "there is no predicted output");
    in.refused("store", NOTHING_KEPT, "false");
    in.refused("metadata", NOTHING_KEPT, "{}");
    in.refused("service_tier", "there is one", "\"auto\"", "\"default\"");
    in.refused(
        "reasoning_effort", "use chat_template_kwargs, by the names of the model's template");
    in.refused("verbosity", "say it in a message", "\"medium\"");
    in.refused("web_search_options", "this server uses no network");
    in.refused("best_of", "use n", "1");
    in.refused("use_beam_search", "answers are sampled", "false");
    in.refused("add_generation_prompt", "an answer is what is asked for", "true");
    in.refused("continue_final_message", "use /v1/completions", "false");
    in.refused("skip_special_tokens", "control tokens are no text", "true");
    in.refused("include_stop_str_in_output", "a stop text is no part of the answer", "false");
  }
}
