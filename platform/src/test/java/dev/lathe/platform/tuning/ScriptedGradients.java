package dev.lathe.platform.tuning;

import dev.lathe.compute.text.TokenBatch;
import dev.lathe.training.model.Gradients;
import java.util.Random;

/// A loss that any test can follow: each scored token pulls one value, told from its id, towards 1.
/// With dropout, a coin thrown from the seed leaves some pulls out. A row of the name in `poison`
/// has a loss that is not a number.
final class ScriptedGradients implements Gradients {
  private final double dropout;
  private final String poison;
  private int largestBatch;

  ScriptedGradients(double dropout, String poison) {
    this.dropout = dropout;
    this.poison = poison;
  }

  /// Tokens of the largest batch seen.
  int largestBatch() {
    return largestBatch;
  }

  @Override
  public double accumulate(
      TokenBatch batch, float[] values, float[] gradient, double scale, long dropoutSeed) {
    largestBatch = Math.max(largestBatch, batch.tokens());
    Random coin = new Random(dropoutSeed);
    double loss = 0;
    for (int i = 0; i < batch.tokens(); i++) {
      if (batch.scored()[i] && coin.nextDouble() >= dropout) {
        int at = batch.ids()[i] * 31 % values.length;
        double distance = values[at] - 1;
        loss += distance * distance / 2;
        gradient[at] += (float) (scale * distance);
      }
    }
    return batch.sources().contains(poison) ? Double.NaN : loss;
  }

  @Override
  public double loss(TokenBatch batch, float[] values) {
    double loss = 0;
    for (int i = 0; i < batch.tokens(); i++) {
      if (batch.scored()[i]) {
        double distance = values[batch.ids()[i] * 31 % values.length] - 1;
        loss += distance * distance / 2;
      }
    }
    return loss;
  }

  @Override
  public float[] logits(int[] tokens, float[] values) {
    float[] logits = new float[32];
    for (int i = 0; i < logits.length; i++) {
      logits[i] = values[(i + tokens.length) % values.length] + i;
    }
    return logits;
  }

  @Override
  public void close() {}
}
