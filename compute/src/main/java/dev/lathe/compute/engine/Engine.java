package dev.lathe.compute.engine;

/// One base model, any number of adapters and streams in one batch.
public interface Engine extends AutoCloseable {
  /// Admits a request.
  ///
  /// @throws dev.lathe.compute.LatheException when it can never fit: prompt longer than the
  ///   context, an adapter whose shapes are not the base's
  TokenStream submit(Request request);

  @Override
  void close();
}
