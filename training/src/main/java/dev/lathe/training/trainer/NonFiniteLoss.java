package dev.lathe.training.trainer;

import dev.lathe.compute.FirstFew;
import java.util.List;

/// A step met a loss or a gradient that is not a finite number. The factors, the optimizer and the
/// step counter are as before the step.
public final class NonFiniteLoss extends RuntimeException {
  private static final int NAMED = 8;

  private final int step;
  private final double loss;
  private final transient List<String> sources;

  NonFiniteLoss(int step, double loss, List<String> sources) {
    super(message(step, loss, sources));
    this.step = step;
    this.loss = loss;
    this.sources = List.copyOf(sources);
  }

  private static String message(int step, double loss, List<String> sources) {
    String what = Double.isFinite(loss) ? "the gradient is not finite" : "the loss is " + loss;
    return "in step "
        + step
        + " "
        + what
        + " for the rows "
        + FirstFew.of(sources, NAMED, ", ", " and ")
        + ": look at these rows, lower the learning rate, or train in fp32";
  }

  /// Number of the step that was not taken, from 1.
  public int step() {
    return step;
  }

  /// Summed loss of the micro-batch; finite when only its gradient is not.
  public double loss() {
    return loss;
  }

  /// Rows of the micro-batch.
  public List<String> sources() {
    return sources;
  }
}
