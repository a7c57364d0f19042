package dev.lathe.app.http.openai;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import dev.lathe.app.http.Fields;
import dev.lathe.app.http.Range;
import dev.lathe.app.http.serving.Dialogue;
import dev.lathe.app.http.serving.Tools;
import dev.lathe.compute.text.Message;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What `/v1/responses` takes. Nothing of a request is kept, so that each holds the whole
/// conversation.
///
/// @param maxTokens null: as many as the context holds
/// @param topLogprobs likeliest tokens beside each token; -1 where no log-probabilities are wanted
/// @param echo what the answer repeats of the request
record ResponseRequest(
    String model,
    List<Message> messages,
    Decoding decoding,
    @Nullable Integer maxTokens,
    int topLogprobs,
    boolean stream,
    Sharing sharing,
    OutputForm form,
    Tools tools,
    Map<String, Object> templateVariables,
    Echo echo) {
  private static final String NOTHING_KEPT = "this server keeps nothing of a request";
  private static final String THINKING =
      "use chat_template_kwargs, by the names of the model's template";
  private static final String LOGPROBS = "message.output_text.logprobs";

  /// Parts of a request that its answer repeats.
  record Echo(
      @Nullable String instructions,
      JsonNode tools,
      JsonNode toolChoice,
      JsonNode text,
      JsonNode metadata,
      boolean parallel) {}

  static ResponseRequest read(Fields in) {
    String instructions =
        in.field("instructions", "what is said to the model before the input").textOrNull();
    List<ResponseInput> input =
        in.field("input", "a question, or the items of the conversation so far")
            .textOrObjects(ResponseInput::of, ResponseInput::read);
    List<Message> messages = ResponseInput.messages(instructions, input);
    Tools tools = Tools.readFlat(in);
    int topLogprobs = topLogprobs(in);
    Echo echo = echo(in, instructions, tools);
    OutputForm text =
        in.field("text", "what the answer is held to").objectOrNull(ResponseRequest::text);
    ResponseRequest request =
        new ResponseRequest(
            in.field("model", "name of the base, of an adapter, or an alias").text(),
            messages,
            Decoding.readOne(in),
            in.field("max_output_tokens", "most tokens of the answer, thoughts included")
                .wholeOrNull(Range.from(1)),
            topLogprobs,
            in.field("stream", "whether the answer is sent as it comes").flag(false),
            Sharing.read(in),
            text == null ? OutputForm.FREE : text,
            tools,
            ChatRequest.templateVariables(in),
            echo);
    refuse(in);
    if (messages.isEmpty() && !in.isWrong("input")) {
      in.problem("input", "'input' holds no message");
    }
    Integer most = request.maxTokens;
    if (most != null && request.decoding.minTokens() > most) {
      in.problem("min_tokens", "'min_tokens' is more than 'max_output_tokens', " + most);
    }
    return request;
  }

  private static OutputForm text(Fields in) {
    in.refused("verbosity", "say it in a message", "\"medium\"");
    OutputForm format =
        in.field("format", "text, any JSON object, or JSON by a schema")
            .objectOrNull(OutputForm::flatFormat);
    return format == null ? OutputForm.FREE : new OutputForm("text.format", format.grammar());
  }

  private static int topLogprobs(Fields in) {
    List<String> include = in.field("include", "what the answer holds beside: " + LOGPROBS).texts();
    for (String each : include) {
      // thoughts are given as they are, so that clients need no encrypted ones
      if (!each.equals(LOGPROBS) && !each.equals("reasoning.encrypted_content")) {
        in.problem("include", "'include' has '" + each + "', this server knows " + LOGPROBS);
      }
    }
    Integer top =
        in.field("top_logprobs", "likeliest tokens given beside each").wholeOrNull(Range.of(0, 20));
    boolean wanted = include.contains(LOGPROBS);
    if (top != null && top > 0 && !wanted) {
      in.problem("top_logprobs", "'top_logprobs' needs '" + LOGPROBS + "' in 'include'");
    }
    return wanted ? (top == null ? 0 : top) : -1;
  }

  private static Echo echo(Fields in, @Nullable String instructions, Tools tools) {
    JsonNodeFactory json = JsonNodeFactory.instance;
    JsonNode choice = in.raw("tool_choice");
    JsonNode text = in.raw("text");
    ObjectNode free = json.objectNode();
    free.putObject("format").put("type", "text");
    ObjectNode metadata = in.field("metadata", "texts by names; given back and not kept").json();
    ArrayNode none = json.arrayNode();
    JsonNode offered = in.raw("tools");
    return new Echo(
        instructions,
        offered.isArray() ? offered : none,
        choice.isMissingNode() || choice.isNull() ? TextNode.valueOf("auto") : choice,
        text.isObject() && text.has("format") ? text : free,
        metadata == null ? json.objectNode() : metadata,
        tools.parallel());
  }

  private static void refuse(Fields in) {
    in.refused("store", NOTHING_KEPT + ": send \"store\": false", "false");
    in.refused("previous_response_id", NOTHING_KEPT + ": send the whole conversation as input");
    in.refused("conversation", NOTHING_KEPT + ": send the whole conversation as input");
    in.refused("background", NOTHING_KEPT, "false");
    in.refused("prompt", NOTHING_KEPT + ": send instructions and input");
    in.field("reasoning", "how the model thinks").objectOrNull(ResponseRequest::reasoning);
    in.refused("truncation", "an input that does not fit is refused", "\"disabled\"");
    in.refused("max_tool_calls", "this server has no tools of its own");
    in.refused("service_tier", "there is one", "\"auto\"", "\"default\"");
    in.field("stream_options", "what is sent beside")
        .objectOrNull(options -> {
          options.refused("include_obfuscation", "nothing is added to hide lengths", "false");
          return options;
        });
    in.refused("messages", "use input");
    in.refused("max_tokens", "use max_output_tokens");
    in.refused("max_completion_tokens", "use max_output_tokens");
    in.refused("response_format", "use text.format");
    in.refused("logprobs", "use top_logprobs and \"" + LOGPROBS + "\" in include", "false");
    in.refused("modalities", "this server reads and writes text", "[\"text\"]");
  }

  private static Fields reasoning(Fields in) {
    in.refused("effort", THINKING);
    in.refused("summary", "thoughts are given as they are");
    in.refused("generate_summary", "thoughts are given as they are");
    return in;
  }

  Dialogue dialogue() {
    return new Dialogue(messages, templateVariables, tools, form.grammar(), form.parameter());
  }
}
