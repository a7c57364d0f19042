package dev.lathe.compute.engine;

import java.util.Optional;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// The handover from the engine's thread to the reader. Holds at most an event for each token of
/// the request, and the end.
final class QueuedStream implements TokenStream {
  private final LinkedBlockingQueue<TokenEvent> events = new LinkedBlockingQueue<>();
  private final Optional<AdapterVersion> adapter;
  private final Consumer<QueuedStream> onClose;
  private @Nullable TokenEvent end;
  private boolean closed;

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
    if (end != null) {
      return end;
    }
    TokenEvent event = events.take();
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

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      onClose.accept(this);
    }
  }
}
