package dev.lathe.compute.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class DequantizeTest {
  private static Gguf blocks() {
    return Gguf.open(Resources.file(DequantizeTest.class, "blocks.gguf"));
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "F32")
  void everyFormatReadsTheValuesOfGgml(DType type) {
    try (Gguf gguf = blocks()) {
      WeightTensor stored = gguf.tensor(type.name());
      float[] expected = Dequantize.toF32(gguf.tensor(type.name() + ".expected"));

      assertThat(stored.type()).isEqualTo(type);
      assertThat(bits(Dequantize.toF32(stored))).isEqualTo(bits(expected));
    }
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "F32")
  void aPartEqualsThatPartOfTheWhole(DType type) {
    try (Gguf gguf = blocks()) {
      WeightTensor stored = gguf.tensor(type.name());
      float[] whole = Dequantize.toF32(stored);
      int first = type.blockElements();
      int count = 2 * type.blockElements();
      float[] part = new float[count + 3];

      Dequantize.toF32(stored, first, part, 3, count);

      assertThat(java.util.Arrays.copyOfRange(part, 3, count + 3))
          .isEqualTo(java.util.Arrays.copyOfRange(whole, first, first + count));
    }
  }

  @ParameterizedTest
  @EnumSource
  void segmentsGetTheSameNumbersAsArrays(DType type) {
    try (Gguf gguf = blocks();
        Arena arena = Arena.ofConfined()) {
      String name = type == DType.F32 ? "Q4_0.expected" : type.name();
      WeightTensor stored = gguf.tensor(name);
      float[] whole = Dequantize.toF32(stored);
      MemorySegment wide = arena.allocate(4L * whole.length, 4);
      MemorySegment narrow = arena.allocate(2L * whole.length, 2);

      Dequantize.toF32(stored, 0, wide, whole.length);
      Dequantize.toBf16(stored, 0, narrow, whole.length);

      assertThat(bits(wide.toArray(ValueLayout.JAVA_FLOAT))).isEqualTo(bits(whole));
      for (int i = 0; i < whole.length; i++) {
        assertThat(narrow.getAtIndex(ValueLayout.JAVA_SHORT, i))
            .isEqualTo(Dequantize.bf16(whole[i]));
      }
    }
  }

  @Test
  void tensorsLongerThanOneChunkAreReadWhole() {
    try (Arena arena = Arena.ofConfined()) {
      int count = 3 * 4096 + 64;
      MemorySegment data = arena.allocate(DType.Q8_0.bytes(count));
      for (int block = 0; block < count / 32; block++) {
        data.set(ValueLayout.JAVA_SHORT_UNALIGNED, block * 34L, Float.floatToFloat16(block));
        data.set(ValueLayout.JAVA_BYTE, block * 34L + 2 + 5, (byte) -3);
      }
      var tensor = new WeightTensor("long", DType.Q8_0, java.util.List.of((long) count), data);

      float[] values = Dequantize.toF32(tensor);
      short[] rounded = new short[count];
      Dequantize.toBf16(tensor, 0, rounded, 0, count);

      for (int i = 0; i < count; i++) {
        int block = i / 32;
        float expected = i % 32 == 5 ? -3f * block : 0;
        assertThat(values[i]).isEqualTo(expected);
        assertThat(rounded[i]).isEqualTo(Dequantize.bf16(expected));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "3f800000, 3f80", // one
    "3f808000, 3f80", // half way, down to even
    "3f818000, 3f82", // half way, up to even
    "3f808001, 3f81", // above half way
    "3f807fff, 3f80", // below half way
    "7f7fffff, 7f80", // beyond the largest bf16
    "ff800000, ff80", // minus infinity
    "80000000, 8000", // minus zero
    "7f800001, 7fc0", // a NaN stays one
  })
  void bf16RoundsToTheNearestAndTiesToEven(String from, String to) {
    float value = Float.intBitsToFloat(Integer.parseUnsignedInt(from, 16));

    assertThat(Dequantize.bf16(value) & 0xFFFF).isEqualTo(Integer.parseInt(to, 16));
  }

  @Test
  void aRangeInsideABlockOrBeyondTheEndIsRefused() {
    try (Gguf gguf = blocks()) {
      WeightTensor tensor = gguf.tensor("Q4_K");
      float[] target = new float[2048];

      assertThatThrownBy(() -> Dequantize.toF32(tensor, 32, target, 0, 256))
          .hasMessageContaining("Q4_K in blocks of 256");
      assertThatThrownBy(() -> Dequantize.toF32(tensor, 0, target, 0, 1024))
          .hasMessageContaining("[0, 1024) of 'Q4_K', 768");
    }
  }

  private static int[] bits(float[] values) {
    int[] bits = new int[values.length];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = Float.floatToRawIntBits(values[i]);
    }
    return bits;
  }
}
