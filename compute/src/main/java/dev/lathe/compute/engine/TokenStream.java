package dev.lathe.compute.engine;

/// The events of one request, in order. One reader; closing before the end cancels the request.
public interface TokenStream extends AutoCloseable {
  /// The next event, waiting for it; after the end, the end again.
  TokenEvent next() throws InterruptedException;

  @Override
  void close();
}
