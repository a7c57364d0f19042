package dev.lathe.compute.engine;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.engine.TokenEvent.Reason;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/// Gathers the logits of the wanted positions of a sequence that is not continued.
final class LogitsTask implements Task {
  private final Sequence sequence;
  private final AdapterPool.@Nullable Lease lease;
  private final CompletableFuture<float[][]> answer;
  private final float[][] logits;
  private final int vocabulary;
  private int taken;

  LogitsTask(
      Sequence sequence,
      AdapterPool.@Nullable Lease lease,
      CompletableFuture<float[][]> answer,
      int vocabulary) {
    this.sequence = sequence;
    this.lease = lease;
    this.answer = answer;
    this.vocabulary = vocabulary;
    logits = new float[sequence.length() - sequence.wanted()][];
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
    return true;
  }

  @Override
  public @Nullable Reason take(int position, float[] values, int at) {
    logits[taken++] = Arrays.copyOfRange(values, at, at + vocabulary);
    return taken == logits.length ? Reason.LENGTH : null;
  }

  @Override
  public void finish(Reason reason) {
    if (taken == logits.length) {
      answer.complete(logits);
    } else {
      fail(EngineLoop.unfinished(reason));
    }
  }

  @Override
  public void fail(LatheException error) {
    answer.completeExceptionally(error);
  }
}
