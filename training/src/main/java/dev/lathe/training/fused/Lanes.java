package dev.lathe.training.fused;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/// Vectors of fp32 lanes over absolute addresses of native memory, stored as bf16 or fp32.
///
/// Callers keep addresses inside memory that they hold; nothing here checks them.
final class Lanes {
  static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
  static final VectorSpecies<Integer> I = F.withLanes(int.class);
  static final VectorSpecies<Short> S =
      VectorSpecies.of(short.class, VectorShape.forBitSize(F.vectorBitSize() / 2));

  /// Lanes of one vector.
  static final int COUNT = F.length();

  private static final VectorShuffle<Float> BY_8 = turned(8);
  private static final VectorShuffle<Float> BY_4 = turned(4);
  private static final VectorShuffle<Float> BY_2 = turned(2);
  private static final VectorShuffle<Float> BY_1 = turned(1);

  private static final MemorySegment MEMORY = MemorySegment.NULL.reinterpret(Long.MAX_VALUE);
  private static final ByteOrder ORDER = ByteOrder.nativeOrder();

  private static final float LOG2E = 1.44269504f;
  private static final float LN2_HIGH = 0.693359375f;
  private static final float LN2_LOW = -2.12194440e-4f;
  private static final float ROUND = 12582912f;
  private static final float SMALLEST = -87f;
  private static final float LARGEST = 88f;

  private Lanes() {}

  private static VectorShuffle<Float> turned(int lanes) {
    return VectorShuffle.iota(F, lanes, 1, true);
  }

  /// The sum of all lanes, halves upon halves: the same bits however often this has run.
  ///
  /// `reduceLanes(ADD)` leaves the order of the additions open, and it is another one interpreted
  /// than compiled, so that the bits of a run would depend on when its code was compiled.
  static float sum(FloatVector vector) {
    FloatVector sums = vector;
    if (COUNT > 8) {
      sums = sums.add(sums.rearrange(BY_8));
    }
    if (COUNT > 4) {
      sums = sums.add(sums.rearrange(BY_4));
    }
    sums = sums.add(sums.rearrange(BY_2));
    return sums.add(sums.rearrange(BY_1)).lane(0);
  }

  static FloatVector bf16(long address) {
    ShortVector bits = ShortVector.fromMemorySegment(S, MEMORY, address, ORDER);
    IntVector wide = (IntVector) bits.convertShape(VectorOperators.ZERO_EXTEND_S2I, I, 0);
    return wide.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
  }

  /// Stores with rounding to nearest even.
  static void bf16(long address, FloatVector value) {
    IntVector bits = value.reinterpretAsInts();
    IntVector odd = bits.lanewise(VectorOperators.LSHR, 16).and(1);
    IntVector rounded = bits.add(odd).add(0x7FFF).lanewise(VectorOperators.LSHR, 16);
    ((ShortVector) rounded.convertShape(VectorOperators.I2S, S, 0))
        .intoMemorySegment(MEMORY, address, ORDER);
  }

  static FloatVector fp32(long address) {
    return FloatVector.fromMemorySegment(F, MEMORY, address, ORDER);
  }

  static void fp32(long address, FloatVector value) {
    value.intoMemorySegment(MEMORY, address, ORDER);
  }

  static float getFp32(long address) {
    return MEMORY.get(ValueLayout.JAVA_FLOAT_UNALIGNED, address);
  }

  static void setFp32(long address, float value) {
    MEMORY.set(ValueLayout.JAVA_FLOAT_UNALIGNED, address, value);
  }

  static float getBf16(long address) {
    return Float.intBitsToFloat(MEMORY.get(ValueLayout.JAVA_SHORT_UNALIGNED, address) << 16);
  }

  static void setBf16(long address, float value) {
    int bits = Float.floatToRawIntBits(value);
    MEMORY.set(
        ValueLayout.JAVA_SHORT_UNALIGNED,
        address,
        (short) ((bits + 0x7FFF + ((bits >>> 16) & 1)) >>> 16));
  }

  static void zero(long address, long bytes) {
    MEMORY.asSlice(address, bytes).fill((byte) 0);
  }

  static MemorySegment segment(long address, long bytes) {
    return MEMORY.asSlice(address, bytes);
  }

  /*
   * e^x = 2^n e^r with n = round(x log2 e), |r| <= ln 2 / 2, and e^r by the degree-6 polynomial of
   * Cephes' expf (Moshier, Methods and Programs for Mathematical Functions, 1989). Relative error
   * about 2e-7; arguments outside [-87, 88] are clamped.
   */
  static FloatVector exp(FloatVector x) {
    FloatVector bounded = x.max(SMALLEST).min(LARGEST);
    FloatVector shifted = bounded.fma(splat(LOG2E), splat(ROUND));
    FloatVector n = shifted.sub(ROUND);
    FloatVector r = n.fma(splat(-LN2_HIGH), bounded);
    r = n.fma(splat(-LN2_LOW), r);
    FloatVector p = splat(1.9875691500e-4f);
    p = p.fma(r, splat(1.3981999507e-3f));
    p = p.fma(r, splat(8.3334519073e-3f));
    p = p.fma(r, splat(4.1665795894e-2f));
    p = p.fma(r, splat(1.6666665459e-1f));
    p = p.fma(r, splat(5.0000001201e-1f));
    p = p.fma(r.mul(r), r.add(1f));
    IntVector exponent = shifted.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23);
    return p.reinterpretAsInts().add(exponent).reinterpretAsFloats();
  }

  static FloatVector sigmoid(FloatVector x) {
    return splat(1f).div(exp(x.neg()).add(1f));
  }

  static FloatVector splat(float value) {
    return FloatVector.broadcast(F, value);
  }
}
