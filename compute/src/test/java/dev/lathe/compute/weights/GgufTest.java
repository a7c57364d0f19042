package dev.lathe.compute.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lathe.compute.LatheException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GgufTest {
  @TempDir Path temp;

  private static GgufFile good() {
    return new GgufFile()
        .string("general.architecture", "llama")
        .uint32("n", 7)
        .strings("tokens", List.of("a", "b"))
        .tensor("x", List.of(2L, 3L), 1, 2, 3, 4, 5, 6)
        .tensor("y", List.of(1L), 8);
  }

  @Test
  void metadataOfEveryTypeThatGgufPyWritesIsRead() {
    try (Gguf gguf = Gguf.open(Resources.file(GgufTest.class, "blocks.gguf"))) {
      assertThat(gguf.string("a.string")).hasValue("grüße");
      assertThat(gguf.integer("a.uint8")).hasValue(200);
      assertThat(gguf.integer("a.int8")).hasValue(-7);
      assertThat(gguf.integer("a.uint16")).hasValue(60000);
      assertThat(gguf.integer("a.int16")).hasValue(-300);
      assertThat(gguf.integer("a.uint32")).hasValue(4_000_000_000L);
      assertThat(gguf.integer("a.int32")).hasValue(-70000);
      assertThat(gguf.integer("a.uint64")).hasValue(1L << 40);
      assertThat(gguf.integer("a.int64")).hasValue(-(1L << 40));
      assertThat(gguf.real("a.float32")).hasValue(0.1f);
      assertThat(gguf.real("a.float64")).hasValue(0.1);
      assertThat(gguf.bool("a.bool")).hasValue(true);
      assertThat(gguf.strings("some.strings")).containsExactly("a", "", "ü");
      assertThat(gguf.integers("some.integers")).containsExactly(1, -2, 3);
      assertThat(gguf.reals("some.reals")).containsExactly(0.5, -1.25);
      assertThat(gguf.integers("some.bools")).containsExactly(1, 0);
      assertThat(gguf.string("absent")).isEmpty();
      assertThat(gguf.strings("absent")).isEmpty();
    }
  }

  @Test
  void anArrayOfStringsIsCheckedWhenItIsAskedFor() {
    byte[] damaged =
        ByteBuffer.allocate(12 + 9 + 10)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putInt(8)
            .putLong(2)
            .putLong(1)
            .put((byte) 'a')
            .putLong(2)
            .put((byte) 0xC3)
            .put((byte) 'b')
            .array();
    Path file =
        good().raw("t", 9, damaged).strings("u", List.of("\uFFFD", "b")).write(temp.resolve("g"));
    try (Gguf gguf = Gguf.open(file)) {
      assertThat(gguf.strings("tokens")).containsExactly("a", "b");
      assertThat(gguf.strings("u")).containsExactly("\uFFFD", "b");
      assertThatThrownBy(() -> gguf.strings("t"))
          .isInstanceOf(LatheException.class)
          .hasMessageContaining("metadata 't' is not UTF-8");
    }
  }

  @Test
  void aKeyOfAnotherTypeIsRefusedWithWhatItIs() {
    try (Gguf gguf = Gguf.open(good().write(temp.resolve("g")))) {
      assertThatThrownBy(() -> gguf.integer("general.architecture"))
          .isInstanceOf(LatheException.class)
          .hasMessageContaining("'general.architecture'")
          .hasMessageContaining("the string 'llama', not an integer");
      assertThatThrownBy(() -> gguf.strings("n")).hasMessageContaining("is 7, not an array");
    }
  }

  @Test
  void tensorsHaveTheOutermostDimensionFirst() {
    try (Gguf gguf = Gguf.open(good().write(temp.resolve("g")))) {
      assertThat(gguf.tensor("x").shape()).containsExactly(2L, 3L);
      assertThat(Dequantize.toF32(gguf.tensor("x"))).containsExactly(1, 2, 3, 4, 5, 6);
      assertThat(Dequantize.toF32(gguf.tensor("y"))).containsExactly(8);
    }
  }

  @Test
  void anotherAlignmentIsHonoured() {
    for (int alignment : new int[] {8, 256}) {
      try (Gguf gguf = Gguf.open(good().alignment(alignment).write(temp.resolve("g")))) {
        assertThat(Dequantize.toF32(gguf.tensor("x"))).containsExactly(1, 2, 3, 4, 5, 6);
        assertThat(Dequantize.toF32(gguf.tensor("y"))).containsExactly(8);
      }
    }
    assertThatThrownBy(
            () -> Gguf.open(good().uint32("general.alignment", 24).write(temp.resolve("g"))))
        .hasMessageContaining("its alignment is 24");
    assertThatThrownBy(
            () -> Gguf.open(good().uint32("general.alignment", 4096).write(temp.resolve("g"))))
        .isInstanceOf(LatheException.class);
  }

  @ParameterizedTest
  @CsvSource({"10, Q2_K", "20, IQ4_NL", "27, I64", "39, MXFP4", "77, the unknown format 77"})
  void otherTensorFormatsAreRefusedByName(int type, String name) {
    Path file =
        new GgufFile().tensor("x", type, new long[] {256}, new byte[512]).write(temp.resolve("g"));

    assertThatThrownBy(() -> Gguf.open(file))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("tensor 'x'")
        .hasMessageContaining(name)
        .hasMessageContaining("Q4_K");
  }

  @Test
  void shapesThatCannotBeAreRefused() {
    assertRefused(new GgufFile().tensor("x", 0, new long[] {-1}, new byte[4]), "'x'");
    assertRefused(
        new GgufFile().tensor("x", 0, new long[] {1L << 40, 1 << 30}, new byte[4]), "'x'");
    assertRefused(new GgufFile().tensor("x", 0, new long[] {1L << 33}, new byte[4]), "'x'");
    assertRefused(new GgufFile().tensor("x", 2, new long[] {16}, new byte[9]), "'x' of Q4_0");
    assertRefused(new GgufFile().tensor("x", 0, new long[] {64}, new byte[128]), "'x' ends beyond");
    assertRefused(new GgufFile().tensor("x", 0, new long[] {1, 1, 1, 1, 1}, new byte[4]), "5 dim");
    assertRefused(
        new GgufFile().tensor("x", 0, new long[] {1}, new byte[4]).tensor("x", List.of(1L), 1),
        "'x' occurs twice");
    assertRefused(
        new GgufFile().tensor("x", 0, new long[] {16}, new byte[4]).tensor("y", List.of(1L), 1),
        "'y' begins at byte 32");
  }

  @Test
  void metadataThatCannotBeIsRefused() {
    assertRefused(
        new GgufFile().raw("k", 8, GgufFile.longs(-1)), "'k' claims 18446744073709551615");
    assertRefused(new GgufFile().raw("k", 8, GgufFile.longs(1L << 40)), "'k' claims");
    assertRefused(new GgufFile().raw("k", 99, new byte[8]), "'k' has the unknown type 99");
    assertRefused(new GgufFile().raw("k", 7, new byte[] {2}), "'k' is the boolean 2");
    assertRefused(new GgufFile().raw("k", 10, GgufFile.longs(-1)), "'k' is 18446744073709551615");
    assertRefused(array(4, 1L << 50), "'k' claims");
    assertRefused(array(8, 1L << 31), "'k' claims");
    assertRefused(array(9, 1), "'k' is an array of arrays");
    byte[] invalid = {1, 0, 0, 0, 0, 0, 0, 0, (byte) 0xFF};
    assertRefused(new GgufFile().raw("k", 8, invalid), "'k' is not UTF-8");
  }

  private static GgufFile array(int type, long count) {
    byte[] value = Arrays.copyOf(GgufFile.ints(type), 12);
    System.arraycopy(GgufFile.longs(count), 0, value, 4, 8);
    return new GgufFile().raw("k", 9, value);
  }

  private void assertRefused(GgufFile file, String message) {
    assertThatThrownBy(() -> Gguf.open(file.write(temp.resolve("bad.gguf"))))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("bad.gguf")
        .hasMessageContaining(message);
  }

  @ParameterizedTest
  @CsvSource({
    "4, 01, version 1",
    "4, 00000003, big-endian",
    "8, ffffffffffffffff, 18446744073709551615 tensors",
    "16, 0000000001, 4294967296 metadata keys",
    "0, 00, is not a GGUF file",
  })
  void aStartThatCannotBeIsRefused(int at, String bytes, String message) throws IOException {
    byte[] file = good().bytes();
    byte[] patch = java.util.HexFormat.of().parseHex(bytes);
    System.arraycopy(patch, 0, file, at, patch.length);
    Path bad = Files.write(temp.resolve("bad"), file);

    assertThatThrownBy(() -> Gguf.open(bad))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining(message);
  }

  @Test
  void onePartOfASplitModelIsRefused() {
    assertRefused(new GgufFile().uint32("split.count", 3), "one of 3 parts");
  }

  @Test
  void everyTruncationIsRefusedAndEveryChangedByteIsRefusedOrRead() throws IOException {
    byte[] whole = good().bytes();
    int end = whole.length - 28; // the padding after the last value may be absent
    var random = new Random(3);

    for (int length = 0; length < end; length++) {
      Path cut = Files.write(temp.resolve("cut"), Arrays.copyOf(whole, length));
      assertThatThrownBy(() -> Gguf.open(cut)).isInstanceOf(LatheException.class);
    }
    for (int round = 0; round < 1000; round++) {
      byte[] changed = whole.clone();
      changed[random.nextInt(changed.length)] = (byte) random.nextInt();
      readOrRefuse(Files.write(temp.resolve("changed"), changed));
    }
    for (int round = 0; round < 200; round++) {
      byte[] noise = new byte[random.nextInt(4096)];
      random.nextBytes(noise);
      System.arraycopy(whole, 0, noise, 0, Math.min(noise.length, 8));
      readOrRefuse(Files.write(temp.resolve("noise"), noise));
    }
  }

  private static void readOrRefuse(Path file) {
    try (Gguf gguf = Gguf.open(file)) {
      for (String name : gguf.names()) {
        assertThat(Dequantize.toF32(gguf.tensor(name)).length)
            .isEqualTo((int) gguf.tensor(name).elements());
      }
    } catch (LatheException e) {
      assertThat(e).hasMessageContaining(file.getFileName().toString());
    }
  }

  @Test
  void closingUnmapsTheFileAndKeepsTheMetadata() throws IOException {
    Gguf gguf = Gguf.open(good().write(temp.resolve("mapped-gguf-of-this-test")));
    assertThat(Files.readString(Path.of("/proc/self/maps"))).contains("mapped-gguf-of-this-test");

    gguf.close();

    assertThat(Files.readString(Path.of("/proc/self/maps")))
        .doesNotContain("mapped-gguf-of-this-test");
    assertThat(gguf.integer("n")).hasValue(7);
    assertThatThrownBy(() -> gguf.tensor("x")).hasMessageContaining("are closed");
  }
}
