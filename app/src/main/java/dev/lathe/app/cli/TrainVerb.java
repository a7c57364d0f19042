package dev.lathe.app.cli;

import dev.lathe.app.terminal.Screen;
import dev.lathe.app.terminal.Screen.Style;
import dev.lathe.platform.tuning.FineTuning;
import dev.lathe.platform.tuning.Outcome;
import dev.lathe.platform.tuning.Recipe;
import dev.lathe.platform.tuning.RecipeParser;
import dev.lathe.platform.tuning.Stop;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// Fine-tunes an adapter: plan, then steps, then the adapter.
@Command(
    name = "train",
    description = {
      "Fine-tune a LoRA adapter on your own rows.",
      "",
      "Takes the YAML files and flags of LLaMA-Factory's 'train' as they stand; what is on the"
          + " command line wins over the file. docs/training.md lists every key.",
      "",
      "Before the first step it prints what it will do, how long that takes and how much memory it"
          + " needs. Run again after an interruption, the same command goes on from the last"
          + " checkpoint."
    },
    footer = {
      "",
      "Examples:",
      "  lathe train run.yaml",
      "  lathe train run.yaml learning_rate=1e-3 --max_steps 50",
      "  lathe train --model_name_or_path smollm2-135m-instruct --dataset rows.jsonl \\",
      "      --output_dir runs/first --bf16 --plot_loss"
    })
final class TrainVerb implements Callable<Integer> {
  private final Context context;

  @Option(names = "--dry-run", description = "Print the plan and stop.")
  private boolean dryRun;

  @Parameters(
      paramLabel = "RECIPE.yaml|KEY=VALUE|--KEY VALUE",
      description = "A recipe file, and keys of LLaMA-Factory with their values.")
  private List<String> arguments = new ArrayList<>();

  TrainVerb(Context context) {
    this.context = context;
  }

  @Override
  public Integer call() {
    Recipe recipe = new RecipeParser().parse(arguments);
    Path model = Models.store(context.environment()).resolve(recipe.model());
    Screen screen = context.screen();
    if (dryRun) {
      PlanText.lines(
              FineTuning.plan(recipe, model), PlanText.Detail.WHOLE, text -> marked(screen, text))
          .forEach(screen.out()::println);
      return ExitCode.OK.code();
    }
    Stop stop = new Stop();
    try (Interrupts interrupts =
            Interrupts.watch(stop, () -> screen.note("\nstopping after this step"));
        TrainingScreen watcher =
            new TrainingScreen(
                screen, PlanText.Detail.WHOLE, recipe.output().bar(), interrupts::engage)) {
      Outcome outcome = FineTuning.run(recipe, model, stop, watcher);
      List<String> again = Stream.concat(Stream.of("train"), arguments.stream()).toList();
      watcher.ended(outcome, ShellLine.of(again));
      return switch (outcome) {
        case Outcome.Stopped _ -> ExitCode.INTERRUPTED.code();
        case Outcome.Finished finished -> {
          String adapter = finished.directory().toString();
          screen.note(
              "try it: " + ShellLine.of(List.of("chat", recipe.model(), "--adapter", adapter)));
          yield ExitCode.OK.code();
        }
      };
    }
  }

  private static String marked(Screen screen, String text) {
    return screen.outHasColours() ? screen.outStyled(Style.GREEN, text) : "[[" + text + "]]";
  }

  /// The verb with a parser that leaves LLaMA-Factory's flags to it.
  static CommandLine commandLine(Context context) {
    return new CommandLine(new TrainVerb(context)).setUnmatchedOptionsArePositionalParams(true);
  }
}
