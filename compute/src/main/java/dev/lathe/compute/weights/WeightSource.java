package dev.lathe.compute.weights;

import java.util.Set;

/// The named tensors of one checkpoint, in Hugging Face names, layout and row order, whatever file
/// they come from. Safe for use by many threads until closed; closing unmaps the files.
public interface WeightSource extends AutoCloseable {
  /// All tensor names.
  Set<String> names();

  /// The tensor of that name.
  ///
  /// @throws dev.lathe.compute.LatheException when there is none
  WeightTensor tensor(String name);

  @Override
  void close();
}
