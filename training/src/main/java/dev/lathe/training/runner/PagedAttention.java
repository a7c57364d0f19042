package dev.lathe.training.runner;

import dev.lathe.compute.engine.Batch;
import dev.lathe.compute.engine.Runner;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.training.tensor.Device;
import dev.lathe.training.tensor.Scope;
import dev.lathe.training.tensor.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// Keys and values in pages, and causal attention over them: the pages of each stream are gathered,
/// then product, softmax and product. Streams that bring as many rows each and are about as long
/// are computed together, the shorter ones padded.
///
/// LibTorch's fused attention is not used: on a CPU its bf16 path is up to a hundred times slower
/// for less than 64 query rows.
final class PagedAttention implements AutoCloseable {
  private static final int SLOTS = Runner.PAGE_TOKENS;

  private final ModelConfig config;
  private final Device device;
  private final ScalarType type;
  private final Tensor cache; // [L, 2, K, pages, SLOTS, D]

  private PagedAttention(ModelConfig config, Device device, ScalarType type, Tensor cache) {
    this.config = config;
    this.device = device;
    this.type = type;
    this.cache = cache;
  }

  /// Allocates all pages; on a CPU the system gives the memory as it is written.
  static PagedAttention open(ModelConfig config, int pages, Device device, ScalarType type) {
    try (Scope scope = Scope.open()) {
      long[] shape = {config.layers(), 2, config.kvHeads(), pages, SLOTS, config.headWidth()};
      TensorOptions options = new TensorOptions(type).device(new DeviceOptional(device.torch()));
      Tensor cache = torch.empty(shape, options, null);
      return new PagedAttention(config, device, type, scope.keep(cache));
    }
  }

  /// Bytes of all pages.
  static long bytes(ModelConfig config, int pages, int elementBytes) {
    return 2L
        * config.layers()
        * config.kvHeads()
        * config.headWidth()
        * SLOTS
        * pages
        * elementBytes;
  }

  /// Where the rows of a batch are and what they see; the same for all layers. Lives in the scope
  /// in which it was made.
  ///
  /// @param slots `[T]` places in the cache, counted over all pages
  record Step(Tensor slots, List<Streams> groups) {}

  /// Streams of one batch that are computed together.
  ///
  /// @param count how many, S
  /// @param each rows of each of them, Q
  /// @param rows `[S * Q]` their rows; absent when these are all of the batch in order
  /// @param pages `[S * P]` their pages, P of each
  /// @param hidden `[1, S, 1, Q, P * SLOTS]` whether a row must not see a place
  private record Streams(int count, int each, Optional<Tensor> rows, Tensor pages, Tensor hidden) {}

  /// What streams need to have in common to be computed together.
  private record Shape(int rows, int pages) {}

  /// Prepares a batch. Pages that a stream begins to write are cleared: what a stream left there
  /// must not reach another one, not even where a share of zero is multiplied with it, because zero
  /// times infinity is no number.
  @SuppressWarnings("ReferenceEquality") // a stream is known by its table
  Step prepare(Batch batch) {
    int[] slots = new int[batch.rows()];
    int[] begun = new int[batch.rows()];
    int beginning = 0;
    Map<Shape, List<Integer>> groups = new LinkedHashMap<>();
    int first = 0;
    for (int row = 0; row < batch.rows(); row++) {
      int slot = batch.position(row) % SLOTS;
      int page = batch.table(row)[batch.position(row) / SLOTS];
      slots[row] = page * SLOTS + slot;
      if (slot == 0) {
        begun[beginning++] = page;
      }
      if (row + 1 == batch.rows() || batch.table(row + 1) != batch.table(row)) {
        int pages = batch.position(row) / SLOTS + 1;
        Shape shape = new Shape(row + 1 - first, Integer.highestOneBit(2 * pages - 1));
        groups.computeIfAbsent(shape, _ -> new ArrayList<>()).add(first);
        first = row + 1;
      }
    }
    if (beginning > 0) {
      cache.index_fill_(3, indices(Arrays.copyOf(begun, beginning)), new Scalar(0.0));
    }
    List<Streams> streams = new ArrayList<>();
    groups.forEach((shape, firstRows) -> streams.add(streams(batch, firstRows, shape.rows)));
    return new Step(indices(slots), streams);
  }

  private Streams streams(Batch batch, List<Integer> firstRows, int each) {
    int most = 0;
    for (int first : firstRows) {
      most = Math.max(most, batch.position(first + each - 1) / SLOTS + 1);
    }
    int count = firstRows.size();
    int[] rows = new int[count * each];
    int[] positions = new int[count * each];
    int[] pages = new int[count * most];
    for (int stream = 0; stream < count; stream++) {
      int first = firstRows.get(stream);
      for (int i = 0; i < each; i++) {
        rows[stream * each + i] = first + i;
        positions[stream * each + i] = batch.position(first + i);
      }
      int[] table = batch.table(first);
      int own = batch.position(first + each - 1) / SLOTS + 1;
      for (int page = 0; page < most; page++) {
        pages[stream * most + page] = table[page < own ? page : 0];
      }
    }
    boolean whole = rows.length == batch.rows(); // a single group has the rows in order
    Tensor places =
        torch.arange(
            new Scalar((long) most * SLOTS),
            new TensorOptions(ScalarType.Long).device(new DeviceOptional(device.torch())));
    Tensor hidden = places.gt(indices(positions).view(1, count, 1, each, 1));
    Optional<Tensor> chosen = whole ? Optional.empty() : Optional.of(indices(rows));
    return new Streams(count, each, chosen, indices(pages), hidden);
  }

  private Tensor indices(int[] values) {
    return Tensors.indices(values).to(device.torch(), ScalarType.Long);
  }

  /// Stores keys and values of the batch's rows, then attends.
  ///
  /// @param query `[T, H, D]`, divided by the root of D
  /// @param key `[T, K, D]`
  /// @param value `[T, K, D]`
  /// @return `[T, H * D]`
  Tensor attend(int layer, Step step, Tensor query, Tensor key, Tensor value) {
    Tensor keys = store(layer, 0, step, key);
    Tensor values = store(layer, 1, step, value);
    if (step.groups.size() == 1) {
      return attend(step.groups.getFirst(), query, keys, values);
    }
    long width = (long) config.heads() * config.headWidth();
    TensorOptions options = new TensorOptions(type).device(new DeviceOptional(device.torch()));
    Tensor mixed = torch.empty(new long[] {query.size(0), width}, options, null);
    for (Streams streams : step.groups) {
      try (Scope _ = Scope.open()) {
        Tensor rows = streams.rows.orElseThrow();
        mixed.index_copy_(0, rows, attend(streams, query.index_select(0, rows), keys, values));
      }
    }
    return mixed;
  }

  /// Writes the batch's rows; returns all pages of the layer, `[K, pages, SLOTS, D]`.
  private Tensor store(int layer, int which, Step step, Tensor rows) {
    Tensor pages = cache.select(0, layer).select(0, which);
    Tensor places = pages.view(config.kvHeads(), -1, config.headWidth());
    places.index_copy_(1, step.slots, rows.transpose(0, 1));
    return pages;
  }

  /// @param query `[S * Q, H, D]`
  /// @return `[S * Q, H * D]`
  private Tensor attend(Streams streams, Tensor query, Tensor keys, Tensor values) {
    long heads = config.kvHeads();
    long group = config.heads() / heads;
    long width = config.headWidth();
    long each = streams.each;
    long both = heads * streams.count;
    Tensor asked =
        query
            .view(streams.count, each, heads, group, width)
            .permute(2, 0, 3, 1, 4)
            .reshape(both, group * each, width);
    Tensor seen = keys.index_select(1, streams.pages).view(both, -1, width);
    Tensor scores = asked.bmm(seen.transpose(1, 2));
    long places = scores.size(2);
    scores
        .view(heads, streams.count, group, each, places)
        .masked_fill_(streams.hidden, new Scalar(Double.NEGATIVE_INFINITY));
    Tensor shares = scores.softmax(-1, new ScalarTypeOptional(ScalarType.Float)).to(type);
    Tensor mixed = shares.bmm(values.index_select(1, streams.pages).view(both, -1, width));
    return mixed
        .view(heads, streams.count, group, each, width)
        .permute(1, 3, 0, 2, 4)
        .reshape(streams.count * each, heads * group * width);
  }

  @Override
  public void close() {
    cache.close();
  }
}
