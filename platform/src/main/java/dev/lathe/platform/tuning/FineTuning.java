package dev.lathe.platform.tuning;

import dev.lathe.training.trainer.Trainer;
import java.nio.file.Path;
import java.util.List;

/// A whole fine-tuning run, from the recipe to the adapter.
public final class FineTuning {
  /// Watches a run.
  public interface Watcher {
    /// The plan is made; steps follow.
    ///
    /// @param warnings one line for each damaged checkpoint that was skipped
    void planned(Plan plan, List<String> warnings);

    /// Something happened.
    void happened(RunEvent event);
  }

  private FineTuning() {}

  /// Prepares, plans and runs. The output directory is held meanwhile.
  ///
  /// @param model where the recipe's model lies: a directory or a GGUF file
  /// @param stop asks the run to end after the step it is in
  /// @throws dev.lathe.compute.LatheException when anything is missing, does not fit or fails
  public static Outcome run(Recipe recipe, Path model, Stop stop, Watcher watcher) {
    try (OutputDirectory output = OutputDirectory.open(recipe.output());
        Preparation preparation = Preparation.open(recipe, model);
        Trainer trainer = preparation.trainer()) {
      preparation.releaseBase();
      Plan plan = plan(recipe, preparation, trainer);
      watcher.planned(plan, output.damaged());
      return Run.execute(
          preparation.job(),
          output,
          trainer,
          new Run.Watch(stop, watcher::happened, plan.peakBytes()));
    }
  }

  /// The plan alone; writes nothing.
  public static Plan plan(Recipe recipe, Path model) {
    try (Preparation preparation = Preparation.open(recipe, model);
        Trainer trainer = preparation.trainer()) {
      preparation.releaseBase();
      return plan(recipe, preparation, trainer);
    }
  }

  private static Plan plan(Recipe recipe, Preparation preparation, Trainer trainer) {
    return Planner.plan(
        preparation.job(),
        trainer,
        Memory.of(recipe),
        preparation.tokenizer(),
        preparation.notes());
  }
}
