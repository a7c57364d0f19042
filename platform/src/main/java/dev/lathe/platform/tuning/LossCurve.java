package dev.lathe.platform.tuning;

import java.util.List;

/// Losses over steps.
///
/// @param key `loss` or `eval_loss`
/// @param steps ascending
/// @param losses one for each step
public record LossCurve(String key, List<Integer> steps, List<Double> losses) {
  public LossCurve {
    steps = List.copyOf(steps);
    losses = List.copyOf(losses);
    if (steps.size() != losses.size()) {
      throw new IllegalArgumentException(steps.size() + " steps, " + losses.size() + " losses");
    }
  }

  public boolean isEmpty() {
    return steps.isEmpty();
  }

  /*
   * Exponential moving average as TensorBoard and LLaMA-Factory draw it; the weight grows with the
   * number of points: 1.8 * (sigmoid(0.05 n) - 0.5).
   */
  public List<Double> smoothed() {
    double weight = 1.8 * (1 / (1 + Math.exp(-0.05 * losses.size())) - 0.5);
    Double[] smoothed = new Double[losses.size()];
    double last = losses.isEmpty() ? 0 : losses.getFirst();
    for (int i = 0; i < smoothed.length; i++) {
      last = last * weight + (1 - weight) * losses.get(i);
      smoothed[i] = last;
    }
    return List.of(smoothed);
  }
}
