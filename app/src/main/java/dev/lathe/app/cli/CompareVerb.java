package dev.lathe.app.cli;

import dev.lathe.app.terminal.ComparisonView;
import dev.lathe.app.terminal.Progress;
import dev.lathe.app.terminal.Screen;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.adapter.AdapterFiles;
import dev.lathe.compute.engine.AdapterVersion;
import dev.lathe.platform.evaluation.Comparison;
import dev.lathe.platform.evaluation.Comparison.Candidate;
import dev.lathe.platform.evaluation.Comparison.Case;
import dev.lathe.platform.evaluation.HtmlReport;
import dev.lathe.platform.evaluation.MarkdownReport;
import dev.lathe.platform.evaluation.Question;
import dev.lathe.platform.evaluation.Questions;
import dev.lathe.platform.gateway.Ask;
import dev.lathe.platform.gateway.Generator;
import dev.lathe.platform.gateway.Reply;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "compare",
    description = {
      "Put the answers of a model and its adapters side by side.",
      "",
      "PROMPTS holds one JSON object a line: \"prompt\" or \"messages\", and optionally \"expected\","
          + " a text or a list of texts of which a right answer contains one. Prints the answers and"
          + " writes them as Markdown and as one HTML page."
    },
    footer = {
      "",
      "Example:",
      "  lathe compare smollm2-135m-instruct --adapter runs/mine \\",
      "      examples/quillmere/held_out.jsonl"
    })
final class CompareVerb implements Callable<Integer> {
  private static final int STREAMS = 16;

  private final Context context;

  @Parameters(
      index = "0",
      paramLabel = "MODEL",
      description = "A pulled model's name, a Hugging Face directory, or a GGUF file.")
  private String model = "";

  @Parameters(index = "1", paramLabel = "PROMPTS", description = "Questions as JSON lines.")
  private Path prompts = Path.of("");

  @Option(
      names = {"-a", "--adapter"},
      paramLabel = "DIR",
      required = true,
      description = "Adapter directory; may be given several times.")
  private List<Path> adapters = new ArrayList<>();

  @Option(
      names = {"-o", "--output"},
      paramLabel = "NAME",
      description = "Write NAME.md and NAME.html (default: ${DEFAULT-VALUE}).")
  private Path output = Path.of("comparison");

  @Option(names = "--system", paramLabel = "TEXT", description = "The system message.")
  private @Nullable String system;

  @Mixin private SamplingOptions sampling = new SamplingOptions();

  @Mixin private EngineOptions engine = new EngineOptions();

  CompareVerb(Context context) {
    this.context = context;
  }

  @Override
  public Integer call() throws InterruptedException {
    sampling.check();
    requirePlace();
    Screen screen = context.screen();
    Questions.Read read = Questions.read(prompts);
    if (!read.unusedKeys().isEmpty()) {
      screen.note("not used in '" + prompts + "': " + String.join(", ", read.unusedKeys()));
    }
    Comparison comparison = compare(read.questions());
    ComparisonView.lines(comparison, screen).forEach(screen.out()::println);
    write(suffixed(".md"), MarkdownReport.of(comparison));
    write(suffixed(".html"), HtmlReport.of(comparison));
    screen.note("written: " + suffixed(".md") + " and " + suffixed(".html"));
    return ExitCode.OK.code();
  }

  private Comparison compare(List<Question> questions) throws InterruptedException {
    try (Generator generator = engine.open(context, model, STREAMS)) {
      List<Optional<AdapterVersion>> columns = new ArrayList<>();
      List<Candidate> candidates = new ArrayList<>();
      columns.add(Optional.empty());
      candidates.add(new Candidate("base", model));
      for (Path directory : adapters) {
        columns.add(Optional.of(Adapters.load(generator, directory, context.screen())));
        candidates.add(new Candidate(name(directory), directory.toString()));
      }
      return new Comparison(model, candidates, cases(generator, questions, columns));
    }
  }

  /// The adapter's name, or its whole path where another has the same name.
  private String name(Path directory) {
    String name = AdapterFiles.name(directory);
    boolean shared =
        adapters.stream().filter(each -> AdapterFiles.name(each).equals(name)).count() > 1;
    return shared ? directory.toString() : name;
  }

  private List<Case> cases(
      Generator generator, List<Question> questions, List<Optional<AdapterVersion>> columns)
      throws InterruptedException {
    List<Ask> asks = new ArrayList<>();
    for (Question question : questions) {
      for (Optional<AdapterVersion> column : columns) {
        asks.add(
            sampling.ask(
                GenerateRow.prompt(question, false, Optional.ofNullable(system)),
                column.orElse(null)));
      }
    }
    List<Reply> replies;
    try (Progress progress =
        context.screen().progress("answering", asks.size(), Progress.Unit.COUNT)) {
      replies = generator.askAll(asks, (index, _) -> progress.update(index + 1L, ""));
    }
    List<Case> cases = new ArrayList<>();
    for (int i = 0; i < questions.size(); i++) {
      Question question = questions.get(i);
      List<Reply> row = replies.subList(i * columns.size(), (i + 1) * columns.size());
      cases.add(
          new Case(
              question,
              row.stream()
                  .map(reply ->
                      Comparison.Answer.to(
                          question, reply.text(), reply.ending() == Reply.Ending.LENGTH))
                  .toList()));
    }
    return cases;
  }

  /// Refuses a place that cannot be written before the answers are there.
  private void requirePlace() {
    Path folder = suffixed("").toAbsolutePath().getParent();
    if (folder == null || !Files.isDirectory(folder) || !Files.isWritable(folder)) {
      throw LatheException.environment(
          "'" + suffixed(".md") + "' cannot be written (no such folder, or no right to write)",
          "choose another --output",
          null);
    }
  }

  private Path suffixed(String suffix) {
    return output.resolveSibling(output.getFileName() + suffix);
  }

  private static void write(Path file, String text) {
    try {
      Files.writeString(file, text);
    } catch (IOException e) {
      throw LatheException.environment(
          "'" + file + "' cannot be written (" + e.getMessage() + ")",
          "choose another --output",
          e);
    }
  }
}
