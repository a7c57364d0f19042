package dev.lathe.app.http.openai;

import dev.lathe.app.http.Call;
import dev.lathe.app.http.Fault;
import dev.lathe.app.http.Fields;
import dev.lathe.app.http.Range;
import dev.lathe.app.http.Refusal;
import dev.lathe.app.http.Route;
import dev.lathe.app.http.Shape;
import dev.lathe.app.http.serving.Dialogue;
import dev.lathe.app.http.serving.Serving;
import dev.lathe.app.http.serving.Tools;
import dev.lathe.compute.text.Message;
import dev.lathe.compute.text.Tokenizer;
import dev.lathe.platform.access.Operation;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// `/tokenize` and `/detokenize`, as vLLM has them: the tokens that chat and completions would see.
///
/// @param texts the text of each token; null where it is not asked for
record Tokens(int[] ids, long context, @Nullable List<String> texts) {
  private static final String MODEL = "name of the base, of an adapter, or an alias; all alike";

  /// What is to be tokens: either a prompt or a conversation.
  ///
  /// @param opening whether the beginning of an answer follows the conversation
  record Request(
      @Nullable String model,
      @Nullable String prompt,
      List<Message> messages,
      Tools tools,
      Map<String, Object> templateVariables,
      boolean opening,
      boolean texts) {
    static Request read(Fields in) {
      String prompt =
          in.field("prompt", "a text; control tokens in it are read as such").textOrNull();
      List<Message> messages =
          in.field("messages", "or a conversation").objects(ChatMessages::read);
      if ((prompt == null) == messages.isEmpty()) {
        in.problem("prompt", "give either 'prompt' or 'messages'");
      }
      in.refused("add_special_tokens", "nothing is added to a prompt", "false");
      in.refused("continue_final_message", "use prompt", "false");
      in.refused("chat_template", "the model's own is used");
      return new Request(
          in.field("model", MODEL).textOrNull(),
          prompt,
          messages,
          Tools.read(in),
          ChatRequest.templateVariables(in),
          in.field("add_generation_prompt", "whether the beginning of an answer follows")
              .flag(true),
          in.field("return_token_strs", "whether the text of each token is given").flag(false));
    }
  }

  /// What is to be text.
  record Back(@Nullable String model, List<Integer> ids) {
    static Back read(Fields in) {
      return new Back(
          in.field("model", MODEL).textOrNull(),
          in.field("tokens", "their ids").wholes(Range.from(0)));
    }
  }

  private static final Shape<Tokens> SHAPE =
      Shape.<Tokens>named("Tokens")
          .whole("count", "how many", tokens -> tokens.ids.length)
          .whole("max_model_len", "most tokens of prompt and answer together", Tokens::context)
          .wholes("tokens", "their ids", Tokens::ids)
          .texts("token_strs", "the text of each, if asked for", Tokens::texts)
          .orNull()
          .build();

  private static final Shape<String> TEXT =
      Shape.<String>named("Detokenized").text("prompt", "the text", text -> text).build();

  static List<Route> routes(Serving serving) {
    return List.of(
        Route.post("/tokenize")
            .needs(Operation.TOKENIZE)
            .summary("Turn a text or a conversation into tokens")
            .gives(SHAPE)
            .fails(List.of(Fault.MODEL_NOT_FOUND, Fault.OVERLOADED, Fault.DEADLINE))
            .by("TokenizeRequest", Request::read, (call, ask) -> tokenize(serving, call, ask)),
        Route.post("/detokenize")
            .needs(Operation.TOKENIZE)
            .summary("Turn tokens into text")
            .gives(TEXT)
            .fails(Fault.MODEL_NOT_FOUND)
            .by("DetokenizeRequest", Back::read, (call, ask) -> detokenize(serving, call, ask)));
  }

  private static void tokenize(Serving serving, Call call, Request request)
      throws IOException, InterruptedException {
    requireModel(serving, request.model);
    Tokenizer tokenizer = serving.generator().tokenizer();
    String prompt = request.prompt;
    int[] ids =
        prompt == null
            ? serving.tokens(
                call,
                new Dialogue(
                    request.messages,
                    request.templateVariables,
                    request.tools,
                    Optional.empty(),
                    ""),
                request.opening)
            : serving.tokens(call, prompt, "prompt");
    List<String> texts =
        request.texts
            ? Arrays.stream(ids).mapToObj(id -> tokenizer.decode(new int[] {id}, false)).toList()
            : null;
    call.send(SHAPE, new Tokens(ids, serving.generator().context(), texts));
  }

  private static void detokenize(Serving serving, Call call, Back request) throws IOException {
    requireModel(serving, request.model);
    Tokenizer tokenizer = serving.generator().tokenizer();
    for (int i = 0; i < request.ids.size(); i++) {
      if (request.ids.get(i) >= tokenizer.vocabulary()) {
        throw new Refusal(
            Fault.INVALID_VALUE,
            "'tokens[%d]' is %d, the model has %,d tokens"
                .formatted(i, request.ids.get(i), tokenizer.vocabulary()),
            "tokens[" + i + "]");
      }
    }
    int[] ids = request.ids.stream().mapToInt(Integer::intValue).toArray();
    call.send(TEXT, tokenizer.decode(ids, false));
  }

  private static void requireModel(Serving serving, @Nullable String model) {
    if (model != null) {
      serving.model(model);
    }
  }
}
