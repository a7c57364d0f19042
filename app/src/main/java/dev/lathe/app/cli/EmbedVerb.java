package dev.lathe.app.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.app.terminal.Progress;
import dev.lathe.compute.FirstFew;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.StrictJson;
import dev.lathe.compute.engine.Pooling;
import dev.lathe.compute.engine.Terms;
import dev.lathe.platform.gateway.Generator;
import dev.lathe.platform.gateway.Prompt;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "embed",
    description = {
      "Turn texts into vectors.",
      "",
      "Vectors have length 1, so that the product of two is the cosine of their angle.",
      "",
      "The text is the argument, else standard input, else the rows of --input: one JSON object a"
          + " line. Rows come out in the order they went in, with \"embedding\" and \"tokens\" beside"
          + " their own keys."
    },
    footer = {
      "",
      "Examples:",
      "  lathe embed smollm2-135m-instruct \"a red wheel barrow\"",
      "  lathe embed smollm2-135m-instruct --input texts.jsonl --key body > vectors.jsonl"
    })
final class EmbedVerb implements Callable<Integer> {
  private static final JsonMapper JSON = new JsonMapper();
  private static final Set<String> WRITTEN = Set.of("embedding", "tokens");
  private static final int STREAMS = 16;

  /// Texts of which vectors are written before the next ones are computed.
  private static final int GROUP = 64;

  private static final int PROBLEMS_SHOWN = 20;

  private final Context context;

  @Parameters(
      index = "0",
      paramLabel = "MODEL",
      description = "A pulled model's name, a Hugging Face directory, or a GGUF file.")
  private String model = "";

  @Parameters(index = "1", arity = "0..1", paramLabel = "TEXT", description = "The text.")
  private @Nullable String text;

  @Option(
      names = {"-a", "--adapter"},
      paramLabel = "DIR",
      description = "Adapter directory, as 'lathe train' or PEFT writes it.")
  private @Nullable Path adapter;

  @Option(
      names = {"-i", "--input"},
      paramLabel = "FILE",
      description = "JSON lines; - is standard input.")
  private @Nullable Path input;

  @Option(
      names = "--key",
      paramLabel = "KEY",
      description = "The key of the rows that holds the text (default: ${DEFAULT-VALUE}).")
  private String key = "text";

  @Option(
      names = "--pooling",
      paramLabel = "POOLING",
      description =
          "mean over all tokens, or the last one's state; which a model was trained for stands in its"
              + " description (default: mean).")
  private Pooling pooling = Pooling.MEAN;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FILE",
      description = "Write to FILE instead of standard output.")
  private @Nullable Path output;

  @Mixin private EngineOptions engine = new EngineOptions();

  EmbedVerb(Context context) {
    this.context = context;
  }

  /// A text and the row that it came in.
  private record Row(ObjectNode fields, String text) {}

  @Override
  public Integer call() throws InterruptedException {
    if (text != null && input != null) {
      throw LatheException.user("a text and --input are given", "give one of them");
    }
    List<Row> rows = rows();
    try (Generator generator = engine.open(context, model, Math.min(STREAMS, rows.size()))) {
      @Nullable String with =
          adapter == null ? null : Adapters.load(generator, adapter, context.screen()).id();
      List<int[]> texts = tokens(generator, rows);
      try (Output out = Output.open(context.screen(), output);
          Progress progress =
              context.screen().progress("embedding", rows.size(), Progress.Unit.COUNT)) {
        for (int from = 0; from < rows.size(); from += GROUP) {
          int to = Math.min(rows.size(), from + GROUP);
          List<float[]> vectors =
              generator.embed(texts.subList(from, to), with, pooling, Terms.PLAIN);
          for (int i = from; i < to; i++) {
            out.stream().println(line(rows.get(i), texts.get(i), vectors.get(i - from)));
          }
          out.requireWritten();
          progress.update(to, "");
        }
      }
    }
    return ExitCode.OK.code();
  }

  private static String line(Row row, int[] tokens, float[] vector) {
    ObjectNode line = row.fields().deepCopy();
    ArrayNode numbers = line.putArray("embedding");
    for (float number : vector) {
      numbers.add(number);
    }
    return line.put("tokens", tokens.length).toString();
  }

  /// The tokens of all texts.
  ///
  /// @throws LatheException naming all rows that the model cannot take
  private List<int[]> tokens(Generator generator, List<Row> rows) {
    List<int[]> all = new ArrayList<>();
    List<String> problems = new ArrayList<>();
    for (int i = 0; i < rows.size(); i++) {
      int[] tokens =
          generator.encode(new Prompt.Tokens(generator.tokenizer().encode(rows.get(i).text())));
      if (tokens.length > generator.context()) {
        problems.add("row " + (i + 1) + " has " + tokens.length + " tokens");
      }
      all.add(tokens);
    }
    if (!problems.isEmpty()) {
      throw LatheException.capacity(
          FirstFew.of(problems, PROBLEMS_SHOWN, "\n  ", "\n  and ")
              + "; the context is "
              + generator.context(),
          "cut these texts, or raise --context up to what the model was trained for");
    }
    return all;
  }

  private List<Row> rows() {
    if (input == null) {
      String only = text == null ? Input.text(context.screen(), "text") : text;
      if (only.isBlank()) {
        throw LatheException.user(
            "the text is empty", "give it as an argument, by standard input or by --input");
      }
      return List.of(new Row(JSON.createObjectNode().put("text", only), only));
    }
    List<Row> rows = new ArrayList<>();
    List<String> problems = new ArrayList<>();
    List<String> lines = Input.lines(context.screen(), input);
    for (int i = 0; i < lines.size(); i++) {
      if (!lines.get(i).isBlank()) {
        row(i + 1, lines.get(i), rows, problems);
      }
    }
    if (!problems.isEmpty()) {
      throw LatheException.user(
          problems.size()
              + " rows of '"
              + input
              + "' cannot be used\n  "
              + FirstFew.of(problems, PROBLEMS_SHOWN, "\n  ", "\n  and "),
          "correct or remove these rows");
    }
    if (rows.isEmpty()) {
      throw LatheException.user(
          "'" + input + "' holds no rows", "give one JSON object a line: {\"" + key + "\": \"…\"}");
    }
    return rows;
  }

  private void row(int number, String line, List<Row> rows, List<String> problems) {
    try {
      JsonNode row = StrictJson.parse(line);
      JsonNode value = row.path(key);
      if (!(row instanceof ObjectNode fields)) {
        problems.add("line " + number + ": a JSON object was wanted");
      } else if (!value.isTextual() || value.asText().isBlank()) {
        problems.add("line " + number + ": '" + key + "' must be a text that is not empty");
      } else if (WRITTEN.stream().anyMatch(row::has)) {
        problems.add("line " + number + ": has 'embedding' or 'tokens', which are written");
      } else {
        rows.add(new Row(fields, value.asText()));
      }
    } catch (JsonProcessingException e) {
      problems.add("line " + number + ": not JSON (" + StrictJson.explain(e) + ")");
    }
  }
}
