package dev.lathe.app.cli;

import dev.lathe.app.terminal.Progress;
import dev.lathe.app.terminal.Screen;
import dev.lathe.app.terminal.Screen.Style;
import dev.lathe.platform.tuning.FineTuning;
import dev.lathe.platform.tuning.LossChart;
import dev.lathe.platform.tuning.Outcome;
import dev.lathe.platform.tuning.Plan;
import dev.lathe.platform.tuning.RunEvent;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Shows a fine-tuning run: the plan, a bar with loss, tokens/s and time left, and how it ended.
final class TrainingScreen implements FineTuning.Watcher, AutoCloseable {
  private static final double KEPT = 0.8;

  private final Screen screen;
  private final PlanText.Detail detail;
  private final boolean showsBar;
  private final Runnable started;
  private @Nullable Progress bar;
  private double smoothed = Double.NaN;

  /// @param showsBar false for log lines instead of a bar
  /// @param started runs when the steps begin
  TrainingScreen(Screen screen, PlanText.Detail detail, boolean showsBar, Runnable started) {
    this.screen = screen;
    this.detail = detail;
    this.showsBar = showsBar;
    this.started = started;
  }

  @Override
  public void planned(Plan plan, List<String> warnings) {
    warnings.forEach(screen::note);
    screen.note(screen.errStyled(Style.BOLD, "The plan"));
    PlanText.lines(plan, detail, this::marked).forEach(screen::note);
    started.run();
    if (showsBar) {
      bar = screen.progress("training", plan.steps(), Progress.Unit.COUNT);
    }
  }

  private String marked(String text) {
    return screen.errHasColours() ? screen.errStyled(Style.GREEN, text) : "[[" + text + "]]";
  }

  @Override
  public void happened(RunEvent event) {
    switch (event) {
      case RunEvent.Stepped stepped -> step(stepped);
      case RunEvent.Logged logged -> {
        if (bar == null) {
          note(
              String.format(
                  Locale.ROOT,
                  "step %d: loss %.4f, learning rate %.3g, epoch %.2f",
                  logged.step(),
                  logged.loss(),
                  logged.learningRate(),
                  logged.epoch()));
        }
      }
      case RunEvent.Resumed(var checkpoint, int step) ->
          note("going on from '" + checkpoint + "' after step " + step);
      case RunEvent.Validated(int step, double loss, boolean best) ->
          note(
              String.format(
                  Locale.ROOT,
                  "step %d: validation loss %.4f%s",
                  step,
                  loss,
                  best ? ", the lowest so far" : ""));
      case RunEvent.Saved(var checkpoint, _) -> note("saved '" + checkpoint + "'");
      case RunEvent.StoppedEarly(int step, int patience) ->
          note(
              "stopped after step " + step + ": " + patience + " validations without a lower loss");
      case RunEvent.TookBest(int step, double loss) ->
          note(
              String.format(
                  Locale.ROOT, "took the adapter of step %d, validation loss %.4f", step, loss));
    }
  }

  private void step(RunEvent.Stepped stepped) {
    double loss = stepped.report().loss();
    smoothed = Double.isNaN(smoothed) ? loss : KEPT * smoothed + (1 - KEPT) * loss;
    if (bar != null) {
      bar.update(
          stepped.report().step(),
          String.format(
              Locale.ROOT, "loss %.3f · %,.0f tokens/s", smoothed, stepped.tokensPerSecond()));
    }
  }

  private void note(String line) {
    if (bar == null) {
      screen.note(line);
    } else {
      bar.note(line);
    }
  }

  /// Says how the run ended.
  ///
  /// @param command what to type to go on after an interruption
  void ended(Outcome outcome, String command) {
    close();
    switch (outcome) {
      case Outcome.Stopped(var checkpoint, int step, int total) -> {
        screen.note("stopped after step " + step + " of " + total + "; saved '" + checkpoint + "'");
        screen.note("to go on: " + command);
      }
      case Outcome.Finished finished -> {
        curve(finished);
        screen.note(summary(finished));
      }
    }
  }

  private void curve(Outcome.Finished finished) {
    Optional<List<String>> lines =
        finished.curve().stream()
            .filter(curve -> curve.steps().size() > 1)
            .findFirst()
            .map(curve -> new LossChart(Math.min(screen.columns(), 78), 8).draw(curve));
    lines.ifPresent(drawn -> drawn.forEach(screen::note));
  }

  private static String summary(Outcome.Finished finished) {
    String validation =
        finished.validationLoss().isPresent()
            ? String.format(
                Locale.ROOT, ", validation loss %.4f", finished.validationLoss().getAsDouble())
            : "";
    return String.format(
        Locale.ROOT,
        "%s in %s: mean loss %.4f%s; %,.0f tokens/s, %s at most%nadapter in '%s'",
        finished.steps() == 1 ? "1 step" : finished.steps() + " steps",
        PlanText.time(finished.seconds()),
        finished.trainLoss(),
        validation,
        finished.tokensPerSecond(),
        Progress.bytes(finished.peakMemoryBytes()),
        finished.directory());
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
    }
  }
}
