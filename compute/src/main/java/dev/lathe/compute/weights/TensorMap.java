package dev.lathe.compute.weights;

import dev.lathe.compute.LatheException;
import java.lang.foreign.Arena;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/// Tensors by name over one arena, which it closes.
final class TensorMap implements WeightSource {
  private final String source;
  private final Arena arena;
  private final Map<String, WeightTensor> tensors;

  TensorMap(String source, Arena arena, Map<String, WeightTensor> tensors) {
    this.source = source;
    this.arena = arena;
    this.tensors = Collections.unmodifiableMap(new TreeMap<>(tensors));
  }

  @Override
  public Set<String> names() {
    return tensors.keySet();
  }

  @Override
  public WeightTensor tensor(String name) {
    if (!arena.scope().isAlive()) {
      throw new IllegalStateException("the weights of " + source + " are closed");
    }
    WeightTensor tensor = tensors.get(name);
    if (tensor == null) {
      throw LatheException.notFound("tensor '" + name + "' is not in " + source, "");
    }
    return tensor;
  }

  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
