package dev.lathe.compute.engine;

import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.kernel.KvCache;
import dev.lathe.compute.kernel.Rows;

/// One decoder over key/value pages of its own: what an engine computes with. It knows rows and
/// pages, no streams.
///
/// One thread at a time calls; only [#pack] and the closing of what it gave may come from others
/// meanwhile. The engine that is opened over a runner closes it.
public interface Runner extends AutoCloseable {
  /// Positions of one page of keys and values.
  int PAGE_TOKENS = KvCache.SLOTS;

  /// An adapter in the form that its runner computes with. Whoever asked for it closes it, when no
  /// step uses it any more.
  interface Packed extends AutoCloseable {
    /// Memory that it takes.
    long bytes();

    @Override
    void close();
  }

  /// Packs an adapter whose factors fit the base.
  Packed pack(Adapter adapter);

  /// Makes the memory of a page exist, before the first step that writes to it.
  ///
  /// @param page from 0, less than the pages that the runner was opened with
  void touch(int page);

  /// Computes keys, values and the last hidden state of all rows. A row sees what its pages hold
  /// for the positions before its own, and the rows of its own stream in the same batch.
  void forward(Batch batch);

  /// Logits of wanted rows of the batch that [#forward] computed last.
  ///
  /// @param first index of the first one among the wanted rows
  /// @param count 1 to [#maxOutputs]
  /// @return `[count, V]` fp32, valid until the next call; the caller may change it
  Rows head(Batch batch, int first, int count);

  /// The last hidden state of one row of that batch after the final norm.
  ///
  /// @return `[E]` fp32 in row 0, valid until the next call
  Rows hidden(int row);

  /// Most rows whose logits are computed at once.
  int maxOutputs();

  /// What computes, for messages: `vector, 16 lanes, 2 threads, KV cache of 4,096 tokens as BF16 in
  /// 90 MiB, weights Q4_1, Q8_0`.
  String description();

  @Override
  void close();
}
