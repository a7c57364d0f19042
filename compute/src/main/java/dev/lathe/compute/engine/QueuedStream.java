package dev.lathe.compute.engine;

import java.util.Optional;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// The handover from the engine's thread to the reader. Holds at most an event for each token of
/// the request, and the end.
final class QueuedStream implements TokenStream {
  private final LinkedBlockingQueue<TokenEvent> events = new LinkedBlockingQueue<>();
  private final Optional<AdapterVersion> adapter;
  private final Consumer<QueuedStream> onClose;
  private final AtomicBoolean closed = new AtomicBoolean();
  private volatile int cachedTokens;
  private @Nullable TokenEvent end;

  QueuedStream(Optional<AdapterVersion> adapter, Consumer<QueuedStream> onClose) {
    this.adapter = adapter;
    this.onClose = onClose;
  }

  /// Called by the engine.
  void deliver(TokenEvent event) {
    events.add(event);
  }

  @Override
  public TokenEvent next() throws InterruptedException {
    return end != null ? end : taken(events.take());
  }

  @Override
  public @Nullable TokenEvent poll() {
    if (end != null) {
      return end;
    }
    TokenEvent event = events.poll();
    return event == null ? null : taken(event);
  }

  private TokenEvent taken(TokenEvent event) {
    switch (event) {
      case TokenEvent.PromptToken _, TokenEvent.Token _ -> {}
      case TokenEvent.Finished _, TokenEvent.Failed _ -> end = event;
    }
    return event;
  }

  @Override
  public Optional<AdapterVersion> adapter() {
    return adapter;
  }

  /// Called by the engine, before the first event.
  void foundCached(int tokens) {
    cachedTokens = tokens;
  }

  @Override
  public int cachedTokens() {
    return cachedTokens;
  }

  @Override
  public void close() {
    if (closed.compareAndSet(false, true)) {
      onClose.accept(this);
    }
  }
}
