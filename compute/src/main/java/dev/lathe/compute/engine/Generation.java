package dev.lathe.compute.engine;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.engine.TokenEvent.Reason;
import org.jspecify.annotations.Nullable;

/// Makes a request's tokens from logits and delivers them.
final class Generation implements Task {
  private final Request request;
  private final Sequence sequence;
  private final Sampler sampler;
  private final AdapterPool.@Nullable Lease lease;
  private final QueuedStream stream;

  Generation(
      Request request,
      Sequence sequence,
      Sampler sampler,
      AdapterPool.@Nullable Lease lease,
      QueuedStream stream) {
    this.request = request;
    this.sequence = sequence;
    this.sampler = sampler;
    this.lease = lease;
    this.stream = stream;
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

  QueuedStream stream() {
    return stream;
  }

  /// Whether there is nothing to generate, before the first step already.
  boolean mustStop() {
    return sampler.mustStop();
  }

  @Override
  public @Nullable Reason take(int position, float[] logits, int at) {
    stream.foundCached(sequence.cached());
    int next = position + 1;
    if (next < sequence.promptLength()) {
      int token = sequence.token(next);
      Likelihood likelihood = sampler.likelihood(token, logits, at, request.logprobs().prompt());
      stream.deliver(new TokenEvent.PromptToken(next, likelihood));
      return next + 1 == sequence.limit() ? Reason.LENGTH : null;
    }
    return sequence.length() < sequence.limit() ? choose(logits, at) : Reason.LENGTH;
  }

  private @Nullable Reason choose(float[] logits, int at) {
    int alternatives = request.logprobs().output();
    float[] raw = alternatives < 0 ? logits : sampler.keep(logits, at);
    int token = sampler.next(sequence, logits, at);
    if (request.stopTokens().contains(token)) {
      return Reason.STOP;
    }
    sequence.append(token);
    stream.deliver(
        new TokenEvent.Token(
            token,
            alternatives < 0 ? null : sampler.likelihood(token, raw, 0, alternatives),
            System.nanoTime()));
    sampler.accept(token);
    if (sampler.mustStop()) {
      return Reason.STOP;
    }
    return sequence.length() == sequence.limit() ? Reason.LENGTH : null;
  }

  @Override
  public void finish(Reason reason) {
    stream.deliver(
        new TokenEvent.Finished(reason, sequence.promptLength(), sequence.outputLength()));
  }

  @Override
  public void fail(LatheException error) {
    stream.deliver(new TokenEvent.Failed(error));
  }
}
