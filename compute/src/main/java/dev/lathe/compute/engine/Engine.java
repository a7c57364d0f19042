package dev.lathe.compute.engine;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// One base model, any number of adapters and streams in one batch.
public interface Engine extends AutoCloseable {
  /// Admits a request.
  ///
  /// @throws dev.lathe.compute.LatheException when it can never fit: prompt longer than the
  ///   context; when there is no such adapter; or when too many requests wait
  TokenStream submit(Request request);

  /// Texts as vectors of length 1, computed side by side. Waits for all.
  ///
  /// @param texts token ids, at least one each
  /// @param adapter id or alias of one of [#adapters], or none
  /// @return one `[E]` for each text
  /// @throws dev.lathe.compute.LatheException when one can never fit, or too many requests wait
  List<float[]> embed(List<int[]> texts, @Nullable String adapter, Pooling pooling, Terms terms)
      throws InterruptedException;

  /// The adapters that requests can name.
  AdapterPool adapters();

  /// How things stand between two steps; waits for the one under way.
  EngineStatus status() throws InterruptedException;

  @Override
  void close();
}
