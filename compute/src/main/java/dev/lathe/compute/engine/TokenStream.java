package dev.lathe.compute.engine;

import java.util.Optional;

/// The events of one request, in order. One reader; closing before the end cancels the request.
public interface TokenStream extends AutoCloseable {
  /// The next event, waiting for it; after the end, the end again.
  TokenEvent next() throws InterruptedException;

  /// The adapter version that answers; the alias it was asked by may point elsewhere by now.
  Optional<AdapterVersion> adapter();

  @Override
  void close();
}
