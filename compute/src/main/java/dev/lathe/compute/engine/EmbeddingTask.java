package dev.lathe.compute.engine;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.engine.TokenEvent.Reason;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/// Pools the hidden states of the wanted positions of a sequence, all or the last.
final class EmbeddingTask implements Task {
  private final Sequence sequence;
  private final AdapterPool.@Nullable Lease lease;
  private final CompletableFuture<float[]> answer;
  private final double[] sum;

  EmbeddingTask(
      Sequence sequence,
      AdapterPool.@Nullable Lease lease,
      CompletableFuture<float[]> answer,
      int width) {
    this.sequence = sequence;
    this.lease = lease;
    this.answer = answer;
    sum = new double[width];
  }

  CompletableFuture<float[]> answer() {
    return answer;
  }

  @Override
  public Sequence sequence() {
    return sequence;
  }

  @Override
  public AdapterPool.@Nullable Lease lease() {
    return lease;
  }

  @Override
  public boolean wantsLogits() {
    return false;
  }

  @Override
  public @Nullable Reason take(int position, float[] values, int at) {
    for (int i = 0; i < sum.length; i++) {
      sum[i] += values[at + i];
    }
    return position == sequence.length() - 1 ? Reason.LENGTH : null;
  }

  @Override
  public void finish(Reason reason) {
    if (sequence.wanted() == sequence.length()) {
      answer.complete(normalised());
    } else {
      fail(EngineLoop.unfinished(reason));
    }
  }

  /// The sum at length 1, so that its length, and with it the number of tokens, falls out.
  private float[] normalised() {
    double squares = 0;
    for (double value : sum) {
      squares += value * value;
    }
    if (!Double.isFinite(squares)) {
      throw new LatheException(
          LatheException.Kind.INTERNAL,
          "the model's hidden states are not finite",
          "check the model and the adapter for values that are not finite");
    }
    double scale = squares == 0 ? 0 : 1 / Math.sqrt(squares);
    float[] vector = new float[sum.length];
    for (int i = 0; i < vector.length; i++) {
      vector[i] = (float) (sum[i] * scale);
    }
    return vector;
  }

  @Override
  public void fail(LatheException error) {
    answer.completeExceptionally(error);
  }
}
