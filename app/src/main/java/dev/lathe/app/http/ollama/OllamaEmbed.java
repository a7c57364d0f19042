package dev.lathe.app.http.ollama;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lathe.app.http.Call;
import dev.lathe.app.http.Fault;
import dev.lathe.app.http.Fields;
import dev.lathe.app.http.Range;
import dev.lathe.app.http.Refusal;
import dev.lathe.app.http.Route;
import dev.lathe.app.http.Schemas;
import dev.lathe.app.http.Shape;
import dev.lathe.app.http.serving.Serving;
import dev.lathe.compute.engine.Pooling;
import dev.lathe.platform.access.Operation;
import dev.lathe.platform.gateway.Prompt;
import dev.lathe.platform.gateway.ServedModels;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// `/api/embed` and its forerunner `/api/embeddings`: texts as vectors of length 1.
record OllamaEmbed(String model, List<float[]> vectors, long nanos, long tokens) {
  private static final String MODEL = "name of the base, of an adapter, or an alias";
  private static final int MOST_TEXTS = 2048;

  /// What is asked for.
  ///
  /// @param truncate whether texts that do not fit are cut; otherwise they are refused
  /// @param dimensions numbers of each vector; null: as many as the model has
  /// @param parameter where the texts stand in the request
  record Request(
      String model,
      List<String> texts,
      boolean truncate,
      OllamaOptions options,
      @Nullable Integer dimensions,
      String parameter) {
    private static OllamaOptions options(Fields in) {
      OllamaOptions given =
          in.field("options", "num_ctx counts; the others are about answers, not about vectors")
              .objectOrNull(OllamaOptions::read);
      return given == null ? OllamaOptions.USUAL : given;
    }

    static Request read(Fields in) {
      Request request =
          new Request(
              in.field("model", MODEL).text(),
              in.field("input", "one text, or several")
                  .someAny(
                      () -> Schemas.either(Schemas.text(), Schemas.list(Schemas.text())),
                      List.of(),
                      Request::texts),
              in.field("truncate", "whether texts that do not fit are cut; else refused")
                  .flag(false),
              options(in),
              in.field("dimensions", "as many as the model has, nothing else")
                  .wholeOrNull(Range.from(1)),
              "input");
      OllamaRequest.keepAlive(in);
      return request;
    }

    static Request single(Fields in) {
      String model = in.field("model", MODEL).text();
      String prompt = in.field("prompt", "the text; an empty one only loads the model").text("");
      OllamaRequest.keepAlive(in);
      List<String> texts = prompt.isEmpty() ? List.of() : List.of(prompt);
      return new Request(model, texts, false, options(in), null, "prompt");
    }

    private static List<String> texts(JsonNode found) {
      if (found.isTextual()) {
        return List.of(found.textValue());
      }
      if (!found.isArray() || found.size() > MOST_TEXTS) {
        throw new Refusal(
            Fault.INVALID_VALUE, "'input' is a text or a list of at most " + MOST_TEXTS);
      }
      List<String> texts = new ArrayList<>();
      for (JsonNode each : found) {
        if (!each.isTextual()) {
          throw new Refusal(
              Fault.INVALID_VALUE, "'input' holds texts only", "[" + texts.size() + "]");
        }
        texts.add(each.textValue());
      }
      return texts;
    }
  }

  private static final Shape<OllamaEmbed> SHAPE =
      Shape.<OllamaEmbed>named("OllamaEmbeddings")
          .text("model", "as asked for", OllamaEmbed::model)
          .list(
              "embeddings",
              Schemas.list(Schemas.number()),
              "a vector of length 1 for each text",
              OllamaEmbed::vectors,
              (out, vector) -> {
                out.writeStartArray();
                for (float number : vector) {
                  out.writeNumber(number);
                }
                out.writeEndArray();
              })
          .whole("total_duration", "nanoseconds", OllamaEmbed::nanos)
          .whole("load_duration", "nanoseconds; the model is loaded", _ -> 0)
          .whole("prompt_eval_count", "tokens of all texts", OllamaEmbed::tokens)
          .build();

  private static final Shape<OllamaEmbed> SINGLE =
      Shape.<OllamaEmbed>named("OllamaEmbedding")
          .list(
              "embedding",
              Schemas.number(),
              "a vector of length 1; empty for an empty prompt",
              OllamaEmbed::numbers,
              (out, number) -> out.writeNumber(number))
          .build();

  private List<Float> numbers() {
    List<Float> numbers = new ArrayList<>();
    for (float[] vector : vectors) {
      for (float number : vector) {
        numbers.add(number);
      }
    }
    return numbers;
  }

  static List<Route> routes(Serving serving) {
    return List.of(
        route("/api/embed", "Turn texts into vectors, as Ollama does")
            .gives(SHAPE)
            .by(
                "OllamaEmbedRequest",
                Request::read,
                (call, request) -> call.send(SHAPE, embed(serving, call, request))),
        route("/api/embeddings", "Turn a text into a vector, as Ollama did before /api/embed")
            .gives(SINGLE)
            .by(
                "OllamaEmbeddingRequest",
                Request::single,
                (call, request) -> call.send(SINGLE, embed(serving, call, request))));
  }

  private static Route.Builder route(String path, String summary) {
    return Route.post(path)
        .needs(Operation.EMBED)
        .summary(summary)
        .fails(Serving.FAULTS)
        .errorsAs(OllamaRoutes.ERROR);
  }

  private static OllamaEmbed embed(Serving serving, Call call, Request request)
      throws IOException, InterruptedException {
    long began = System.nanoTime();
    ServedModels.Model model = OllamaModels.model(serving, request.model);
    int width = serving.generator().config().width();
    Integer wanted = request.dimensions;
    if (wanted != null && wanted != width) {
      throw new Refusal(
          Fault.INVALID_VALUE,
          "'dimensions' is %d, this model's vectors have %d: leave it out".formatted(wanted, width),
          "dimensions");
    }
    List<int[]> texts = new ArrayList<>();
    for (String text : request.texts) {
      texts.add(tokens(serving, call, text, request));
    }
    List<float[]> vectors =
        serving.embed(call, texts, model, Pooling.MEAN, serving.terms(call, "", 0));
    long tokens = texts.stream().mapToLong(text -> text.length).sum();
    return new OllamaEmbed(request.model, vectors, System.nanoTime() - began, tokens);
  }

  private static int[] tokens(Serving serving, Call call, String text, Request request)
      throws IOException, InterruptedException {
    int room = request.options.room(serving.generator().context());
    if (request.truncate) {
      return serving.firstTokens(call, text, room - 1, request.parameter);
    }
    int[] tokens = serving.encode(call, new Prompt.Raw(text), request.parameter);
    OllamaOptions.requireRoom(tokens.length, room);
    return tokens;
  }
}
