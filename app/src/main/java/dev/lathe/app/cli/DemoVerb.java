package dev.lathe.app.cli;

import dev.lathe.app.demo.DemoSet;
import dev.lathe.app.demo.Told;
import dev.lathe.app.demo.TrainingSummary;
import dev.lathe.app.demo.Workshop;
import dev.lathe.app.terminal.ComparisonView;
import dev.lathe.app.terminal.Progress;
import dev.lathe.app.terminal.Screen;
import dev.lathe.app.terminal.Screen.Style;
import dev.lathe.app.terminal.Width;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.engine.EngineSettings;
import dev.lathe.compute.engine.Sampling;
import dev.lathe.compute.kernel.Storage;
import dev.lathe.platform.evaluation.Comparison;
import dev.lathe.platform.evaluation.Comparison.Candidate;
import dev.lathe.platform.evaluation.Comparison.Case;
import dev.lathe.platform.evaluation.Question;
import dev.lathe.platform.gateway.Ask;
import dev.lathe.platform.gateway.Generator;
import dev.lathe.platform.gateway.Reply;
import dev.lathe.platform.registry.ModelStore;
import dev.lathe.platform.registry.PullOptions;
import dev.lathe.platform.registry.StoredModel;
import dev.lathe.platform.tuning.FineTuning;
import dev.lathe.platform.tuning.LossChart;
import dev.lathe.platform.tuning.Outcome;
import dev.lathe.platform.tuning.Recipe;
import dev.lathe.platform.tuning.RecipeParser;
import dev.lathe.platform.tuning.Stop;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
    name = "demo",
    description = {
      "Teach a model what a company knows, in a few minutes.",
      "",
      "The whole thread on the example data: pulls a model, asks it six questions about a bank that"
          + " does not exist, fine-tunes an adapter on what that bank knows, asks again.",
      "",
      "A few minutes on two cores. A second run reuses what is there; after Ctrl-C the same command"
          + " goes on."
    },
    footer = {
      "",
      "Examples:",
      "  lathe demo",
      "  lathe demo --zh        Chinese facts, Chinese-speaking model (0.5B)"
    })
final class DemoVerb implements Callable<Integer> {
  private static final int STREAMS = 16;
  private static final int ANSWER_TOKENS = 64;
  private static final int CONTEXT_TOKENS = 512;
  private static final int WIDEST = 130;

  private final Context context;
  private final Screen screen;

  @Option(names = "--zh", description = "Chinese facts and the Chinese-speaking 0.5B model.")
  private boolean chinese;

  @Option(names = "--again", description = "Ask and train anew, whatever is there.")
  private boolean again;

  DemoVerb(Context context) {
    this.context = context;
    this.screen = context.screen();
  }

  @Override
  public Integer call() throws InterruptedException {
    DemoSet set = chinese ? DemoSet.chinese(examples()) : DemoSet.english(examples());
    try (Workshop workshop = workshop(set)) {
      return run(set, workshop).code();
    }
  }

  private ExitCode run(DemoSet set, Workshop workshop) throws InterruptedException {
    title("lathe demo: teach " + set.model() + " what only " + set.company() + " knows");
    Path model = model(set);
    List<Question> questions =
        Stream.concat(set.six().stream(), set.heldOut().stream()).distinct().toList();
    Told base = base(set, workshop, model, questions);
    if (!train(set, workshop, model)) {
      return ExitCode.INTERRUPTED;
    }
    Told adapted = adapted(workshop, model, questions);
    result(set, workshop, base, adapted);
    return ExitCode.OK;
  }

  private static Path examples() {
    String root = System.getProperty("lathe.root", "");
    if (root.isEmpty()) {
      throw LatheException.user(
          "the example data was not found", "start the demo as ./lathe demo in a source checkout");
    }
    return Path.of(root, "examples");
  }

  private Workshop workshop(DemoSet set) {
    Path folder = context.environment().home().resolve("demo").resolve(set.name());
    return Workshop.open(folder, set.key(), again);
  }

  private Path model(DemoSet set) {
    step(1, "The model");
    ModelStore store = Models.pulling(context.environment());
    StoredModel model;
    try (PullView view = new PullView(screen)) {
      model = store.pull(set.model(), PullOptions.DEFAULT, view);
    }
    out().println("  " + PullView.summary(model));
    return store.resolve(set.model());
  }

  private Told base(DemoSet set, Workshop workshop, Path model, List<Question> questions)
      throws InterruptedException {
    step(2, "Before: what the model says about " + set.company());
    Path file = workshop.file("base.json");
    Optional<Told> kept = Told.read(file, "base", questions);
    Told told = kept.isPresent() ? kept.get() : ask(model, Optional.empty(), "base", questions);
    if (kept.isEmpty()) {
      workshop.write("base.json", told.json());
    }
    for (Question question : set.six()) {
      out().println();
      wrapped(question.prompt(), "  ").forEach(line -> out().println(styled(Style.BOLD, line)));
      var answer = told.answer(question);
      wrapped(Screen.harmless(answer.text().strip()) + (answer.cut() ? " …" : ""), "    ")
          .forEach(out()::println);
    }
    return told;
  }

  private Told ask(Path model, Optional<Path> directory, String of, List<Question> questions)
      throws InterruptedException {
    EngineSettings settings =
        EngineSettings.of(Storage.AUTO)
            .withMaxStreams(STREAMS)
            .withKvTokens(STREAMS * CONTEXT_TOKENS);
    SequencedMap<String, Told.Text> answers = new LinkedHashMap<>();
    try (Generator generator = Generator.open(model, settings);
        Progress progress = screen.progress("answering", questions.size(), Progress.Unit.COUNT)) {
      String adapter =
          directory.map(generator::load).map(loaded -> loaded.adapter().id()).orElse(null);
      List<Ask> asks =
          questions.stream()
              .map(question -> GenerateRow.prompt(question, false, Optional.empty()))
              .map(prompt -> new Ask(prompt, adapter, Sampling.GREEDY, ANSWER_TOKENS, List.of()))
              .toList();
      generator.askAll(
          asks,
          (index, reply) -> {
            boolean cut = reply.ending() == Reply.Ending.LENGTH;
            answers.put(questions.get(index).prompt(), new Told.Text(reply.text(), cut));
            progress.update(index + 1L, "");
          });
    }
    return new Told(of, answers);
  }

  /// Whether the adapter is there.
  private boolean train(DemoSet set, Workshop workshop, Path model) {
    step(3, "Fine-tuning an adapter on what " + set.company() + " knows");
    if (workshop.isTrained()) {
      out().println("  It is there already: " + workshop.adapter());
      return true;
    }
    Recipe recipe =
        new RecipeParser()
            .parse(
                List.of(
                    set.recipe().toString(),
                    "dataset_dir=" + set.data().getParent(),
                    "output_dir=" + workshop.adapter()));
    Stop stop = new Stop();
    try (Interrupts interrupts =
            Interrupts.watch(stop, () -> screen.note("\nstopping after this step"));
        TrainingScreen watcher =
            new TrainingScreen(screen, PlanText.Detail.BRIEF, true, interrupts::engage)) {
      return switch (FineTuning.run(recipe, model, stop, watcher)) {
        case Outcome.Finished _ -> true;
        case Outcome.Stopped stopped -> {
          watcher.ended(stopped, ShellLine.of(chinese ? List.of("demo", "--zh") : List.of("demo")));
          yield false;
        }
      };
    }
  }

  private Told adapted(Workshop workshop, Path model, List<Question> questions)
      throws InterruptedException {
    step(4, "After: the same questions, with the adapter");
    String of = workshop.adapterSha256();
    Optional<Told> kept = Told.read(workshop.file("adapted.json"), of, questions);
    if (kept.isPresent()) {
      return kept.get();
    }
    Told told = ask(model, Optional.of(workshop.adapter()), of, questions);
    workshop.write("adapted.json", told.json());
    return told;
  }

  private void result(DemoSet set, Workshop workshop, Told base, Told adapted) {
    out().println();
    ComparisonView.answers(comparison(set, set.six(), base, adapted), screen)
        .forEach(out()::println);
    step(5, "What it learned");
    Comparison all = comparison(set, set.heldOut(), base, adapted);
    out().println("  Questions never trained on, answered with the right fact:");
    ComparisonView.shares(all).forEach(line -> out().println("    " + line));
    TrainingSummary summary = TrainingSummary.read(workshop.adapter());
    out().println();
    new LossChart(Math.min(columns(), 78), 8)
        .draw(summary.curve())
        .forEach(line -> out().println("  " + line));
    out().println();
    facts(summary, workshop);
    next(set, workshop);
  }

  private static Comparison comparison(
      DemoSet set, List<Question> questions, Told base, Told adapted) {
    List<Candidate> candidates =
        List.of(new Candidate("before", set.model()), new Candidate("after", "with the adapter"));
    List<Case> cases =
        questions.stream()
            .map(asked -> new Case(asked, List.of(base.answer(asked), adapted.answer(asked))))
            .toList();
    return new Comparison(set.model(), candidates, cases);
  }

  private void facts(TrainingSummary summary, Workshop workshop) {
    out()
        .printf(
            Locale.ROOT,
            "  trained    %d steps in %.0f s, %,.0f tokens/s%n",
            summary.steps(),
            summary.seconds(),
            summary.tokensPerSecond());
    if (summary.peakMemoryBytes() > 0) {
      out().println("  memory     " + Progress.bytes(summary.peakMemoryBytes()) + " at most");
    }
    out().println("  adapter    " + workshop.adapter());
    if (Files.exists(summary.picture())) {
      out().println("  picture    " + summary.picture());
    }
  }

  private void next(DemoSet set, Workshop workshop) {
    String adapter = ShellLine.path(workshop.adapter());
    String questions = ShellLine.path(set.heldOutFile());
    List<String> chat = List.of("chat", set.model(), "--adapter", adapter);
    List<String> compare = List.of("compare", set.model(), "--adapter", adapter, questions);
    step(6, "What to do next");
    out().println("  talk to it             " + ShellLine.of(chat));
    out().println("  every question, HTML   " + ShellLine.of(compare));
    out().println("  your own data          " + ShellLine.of(List.of("train", "--help")));
  }

  private void title(String text) {
    out().println(styled(Style.BOLD, text));
  }

  private void step(int number, String text) {
    out().println();
    out().println(styled(Style.CYAN, number + " · " + text));
  }

  private List<String> wrapped(String text, String indent) {
    return Width.wrap(text, columns() - indent.length()).stream()
        .map(line -> indent + line)
        .toList();
  }

  private int columns() {
    return Math.clamp(screen.columns(), 40, WIDEST);
  }

  private String styled(Style style, String text) {
    return screen.outStyled(style, text);
  }

  private PrintStream out() {
    return screen.out();
  }
}
