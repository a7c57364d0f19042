package dev.lathe.compute.engine;

import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// The events of one request, in order. One reader, which any thread may close; closing before the
/// end cancels the request, and the reader gets what was there and the end.
public interface TokenStream extends AutoCloseable {
  /// The next event, waiting for it; after the end, the end again.
  TokenEvent next() throws InterruptedException;

  /// The next event if it is there already, else null; after the end, the end again.
  @Nullable TokenEvent poll();

  /// The adapter version that answers; the alias it was asked by may point elsewhere by now.
  Optional<AdapterVersion> adapter();

  /// Tokens of the prompt whose keys and values were in the prefix cache when the request began to
  /// run; known with the first event.
  int cachedTokens();

  @Override
  void close();
}
