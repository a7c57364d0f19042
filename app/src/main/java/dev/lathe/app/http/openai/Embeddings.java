package dev.lathe.app.http.openai;

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
import dev.lathe.compute.engine.Terms;
import dev.lathe.platform.access.Operation;
import dev.lathe.platform.gateway.Prompt;
import dev.lathe.platform.gateway.ServedModels;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// `/v1/embeddings`: texts as vectors of length 1.
record Embeddings(List<Entry> data, String model, long tokens) {
  /// @param base64 whether the numbers are written as their bytes
  record Entry(int index, float[] vector, boolean base64) {}

  /// What is asked for.
  ///
  /// @param dimensions numbers of each vector; null: as many as the model has
  record Request(
      String model,
      List<Prompt> texts,
      String encoding,
      @Nullable Integer dimensions,
      Pooling pooling,
      Sharing sharing) {
    static Request read(Fields in) {
      return new Request(
          in.field("model", "name of the base, of an adapter, or an alias").text(),
          in.field("input", "one text, or several, each as text or tokens")
              .someAny(Prompts::schema, List.of(), Prompts::read),
          in.field("encoding_format", "numbers, or base64 of little-endian 32-bit floats")
              .choice(List.of("float", "base64"), "float"),
          in.field("dimensions", "as many as the model has, nothing else")
              .wholeOrNull(Range.from(1)),
          in.field("pooling", "mean over the tokens, or the last one")
                  .choice(List.of("mean", "last"), "mean")
                  .equals("last")
              ? Pooling.LAST
              : Pooling.MEAN,
          Sharing.read(in));
    }
  }

  private record Count(long tokens) {
    private static final Shape<Count> SHAPE =
        Shape.<Count>named("EmbeddingUsage")
            .whole("prompt_tokens", "tokens of all texts", Count::tokens)
            .whole("total_tokens", "the same", Count::tokens)
            .build();
  }

  private static final Shape<Entry> ENTRY =
      Shape.<Entry>named("Embedding")
          .constant("object", "embedding")
          .whole("index", "place of the text", Entry::index)
          .own(
              "embedding",
              Schemas.either(Schemas.list(Schemas.number()), Schemas.text()),
              "the vector, of length 1",
              (out, entry) -> {
                if (entry.base64) {
                  out.writeString(Base64.getEncoder().encodeToString(bytes(entry.vector)));
                  return;
                }
                out.writeStartArray();
                for (float number : entry.vector) {
                  out.writeNumber(number);
                }
                out.writeEndArray();
              })
          .build();

  private static final Shape<Embeddings> SHAPE =
      Shape.<Embeddings>named("EmbeddingList")
          .constant("object", "list")
          .objects("data", "one for each text", Embeddings::data, ENTRY)
          .text("model", "as asked for", Embeddings::model)
          .object("usage", "tokens", each -> new Count(each.tokens), Count.SHAPE)
          .build();

  private static byte[] bytes(float[] vector) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * vector.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(vector);
    return bytes.array();
  }

  static Route route(Serving serving) {
    return Route.post("/v1/embeddings")
        .needs(Operation.EMBED)
        .summary("Turn texts into vectors")
        .gives(SHAPE)
        .fails(Serving.FAULTS)
        .by("EmbeddingRequest", Request::read, (call, request) -> embed(serving, call, request));
  }

  private static void embed(Serving serving, Call call, Request request)
      throws IOException, InterruptedException {
    ServedModels.Model model = serving.model(request.model);
    Integer wanted = request.dimensions;
    int width = serving.generator().config().width();
    if (wanted != null && wanted != width) {
      throw new Refusal(
          Fault.INVALID_VALUE,
          "'dimensions' is %d, this model's vectors have %d: leave it out".formatted(wanted, width),
          "dimensions");
    }
    List<int[]> texts = new ArrayList<>();
    for (Prompt text : request.texts) {
      texts.add(serving.encode(call, text, "input"));
    }
    Terms terms = request.sharing.terms(serving, call);
    List<float[]> vectors = serving.embed(call, texts, model, request.pooling, terms);
    List<Entry> data = new ArrayList<>();
    for (int i = 0; i < vectors.size(); i++) {
      data.add(new Entry(i, vectors.get(i), request.encoding.equals("base64")));
    }
    long tokens = texts.stream().mapToLong(text -> text.length).sum();
    call.send(SHAPE, new Embeddings(data, request.model, tokens));
  }
}
