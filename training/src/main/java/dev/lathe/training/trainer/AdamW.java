package dev.lathe.training.trainer;

/// Adam with decoupled weight decay over one flat fp32 vector.
final class AdamW {
  /*
   * Loshchilov, Hutter: Decoupled weight decay regularization, arXiv 1711.05101, in the order of
   * operations of torch.optim.AdamW: decay, both moments, then the step with bias-corrected moments
   * and epsilon outside the root.
   */
  private final TrainerSettings settings;
  private final float[] first;
  private final float[] second;

  AdamW(int size, TrainerSettings settings) {
    this.settings = settings;
    first = new float[size];
    second = new float[size];
  }

  /// Changes `values` by one step.
  ///
  /// @param step number of this step, from 1
  void update(float[] values, float[] gradient, double rate, int step) {
    float decay = (float) (1 - rate * settings.weightDecay());
    float firstShare = (float) (1 - settings.beta1());
    float secondKept = (float) settings.beta2();
    float secondShare = (float) (1 - settings.beta2());
    float stepSize = (float) (rate / (1 - Math.pow(settings.beta1(), step)));
    float correction = (float) Math.sqrt(1 - Math.pow(settings.beta2(), step));
    float epsilon = (float) settings.epsilon();
    for (int i = 0; i < values.length; i++) {
      float slope = gradient[i];
      float mean = first[i] + firstShare * (slope - first[i]);
      float square = second[i] * secondKept + secondShare * slope * slope;
      float spread = (float) Math.sqrt(square) / correction + epsilon;
      first[i] = mean;
      second[i] = square;
      values[i] = values[i] * decay - stepSize * mean / spread;
    }
  }

  /// The first moments; owned by this optimizer, to be saved and restored.
  float[] first() {
    return first;
  }

  /// The second moments; owned by this optimizer, to be saved and restored.
  float[] second() {
    return second;
  }
}
