package dev.lathe.compute.kernel;

import dev.lathe.compute.weights.DType;

/// How weights are to be kept in memory.
public enum Storage {
  /// Quantised weights as they are, others as bf16.
  AUTO,
  /// 32-bit floats.
  F32,
  /// bfloat16; quantised weights are rounded to it.
  BF16,
  /// Blocks of 32 with 8 bits each and a scale; weights stored in fewer bits as they are.
  INT8,
  /// Blocks of 32 with 4 bits each, a scale and a least value; the embedding and the head in 8
  /// bits; weights stored in fewer bits as they are.
  INT4;

  /// The format of a weight.
  ///
  /// @param stored its type in the checkpoint
  /// @param vocabulary whether it is the embedding or the head
  public Format format(DType stored, boolean vocabulary) {
    Format kept = Format.of(stored).filter(Format::isQuantized).orElse(null);
    return switch (this) {
      case AUTO -> kept == null ? Format.BF16 : kept;
      case F32 -> Format.F32;
      case BF16 -> Format.BF16;
      case INT8 -> kept == null ? Format.Q8_0 : kept;
      case INT4 -> {
        Format most = vocabulary ? Format.Q8_0 : Format.Q4_1;
        yield kept == null || kept.bits > most.bits ? most : kept;
      }
    };
  }
}
