package dev.lathe.training.model;

import dev.lathe.compute.text.TokenBatch;

/// The decoder as training needs it: loss and gradient of packed rows in the LoRA factors, the base
/// frozen. One thread at a time; holds native memory until closed.
public interface Gradients extends AutoCloseable {
  /// Adds the gradient of `scale` times the summed loss.
  ///
  /// @param values factors in the layout of [Factors]
  /// @param gradient added to, same layout
  /// @param dropoutSeed decides which inputs are dropped; the same seed drops the same
  /// @return the sum over scored tokens of the negative log-likelihood, in nats, unscaled
  double accumulate(
      TokenBatch batch, float[] values, float[] gradient, double scale, long dropoutSeed);

  /// The summed loss alone, without dropout.
  double loss(TokenBatch batch, float[] values);

  /// Logits `[V]` after the last of `tokens`, without dropout.
  float[] logits(int[] tokens, float[] values);

  @Override
  void close();
}
