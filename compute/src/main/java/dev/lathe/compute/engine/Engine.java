package dev.lathe.compute.engine;

import dev.lathe.compute.adapter.Adapter;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// One base model, any number of adapters and streams in one batch.
public interface Engine extends AutoCloseable {
  /// Admits a request.
  ///
  /// @throws dev.lathe.compute.LatheException when it can never fit: prompt longer than the
  ///   context, an adapter whose shapes are not the base's; or when too many requests wait
  TokenStream submit(Request request);

  /// Texts as vectors of length 1, computed side by side. Waits for all.
  ///
  /// @param texts token ids, at least one each
  /// @return one `[E]` for each text
  /// @throws dev.lathe.compute.LatheException when one can never fit, or too many requests wait
  List<float[]> embed(List<int[]> texts, @Nullable Adapter adapter, Pooling pooling, Terms terms)
      throws InterruptedException;

  /// How things stand between two steps; waits for the one under way.
  EngineStatus status() throws InterruptedException;

  @Override
  void close();
}
