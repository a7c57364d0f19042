package dev.lathe.compute.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lathe.compute.LatheException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SafetensorsTest {
  @TempDir Path temp;

  @Test
  void whatIsWrittenIsRead() {
    Path file = temp.resolve("a.safetensors");
    var tensors = new LinkedHashMap<String, Safetensors.Output>();
    tensors.put("b", Safetensors.Output.of(DType.F32, List.of(2L, 3L), 1, 2, 3, 4, 5, 6));
    tensors.put("a", Safetensors.Output.of(DType.BF16, List.of(3L), 1, 1 + 1 / 256f, -2));
    tensors.put("scalar", Safetensors.Output.of(DType.F32, List.of(), 7));
    tensors.put("empty", Safetensors.Output.of(DType.F32, List.of(0L, 4L)));

    Safetensors.write(file, tensors, Map.of("format", "pt"));

    try (WeightSource source = Safetensors.open(List.of(file))) {
      assertThat(source.names()).containsExactly("a", "b", "empty", "scalar");
      assertThat(source.tensor("b").shape()).containsExactly(2L, 3L);
      assertThat(Dequantize.toF32(source.tensor("b"))).containsExactly(1, 2, 3, 4, 5, 6);
      assertThat(Dequantize.toF32(source.tensor("a"))).containsExactly(1, 1, -2);
      assertThat(Dequantize.toF32(source.tensor("scalar"))).containsExactly(7);
      assertThat(source.tensor("empty").elements()).isZero();
    }
  }

  @Test
  void aSliceOfALargerBufferIsWrittenFromPositionToLimit() {
    Path file = temp.resolve("a.safetensors");
    FloatBuffer all = FloatBuffer.wrap(new float[] {0, 1, 2, 3, 4}).slice(1, 3);
    var tensors = new LinkedHashMap<String, Safetensors.Output>();
    tensors.put("x", new Safetensors.Output(DType.F32, List.of(3L), () -> all));

    Safetensors.write(file, tensors, Map.of());

    try (WeightSource source = Safetensors.open(List.of(file))) {
      assertThat(Dequantize.toF32(source.tensor("x"))).containsExactly(1, 2, 3);
    }
  }

  @Test
  void theBytesAreThoseOfTheFormat() throws IOException {
    Path file = temp.resolve("a.safetensors");
    var tensors = new LinkedHashMap<String, Safetensors.Output>();
    tensors.put("x", Safetensors.Output.of(DType.F32, List.of(1L), 1));

    Safetensors.write(file, tensors, Map.of("z", "1", "format", "pt"));

    String header =
        "{\"__metadata__\":{\"format\":\"pt\",\"z\":\"1\"},"
            + "\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";
    String padded = header + " ".repeat(-header.length() & 7);
    assertThat(Files.readAllBytes(file)).isEqualTo(file(padded, new byte[] {0, 0, -128, 63}));
  }

  @Test
  void valuesThatDoNotFillTheShapeAreAMistakeOfTheCaller() {
    var tensors = new LinkedHashMap<String, Safetensors.Output>();
    tensors.put("x", Safetensors.Output.of(DType.F32, List.of(2L), 1));

    assertThatThrownBy(() -> Safetensors.write(temp.resolve("a"), tensors, Map.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("'x' [2] got 1 values");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{'x':{'dtype':'F32','shape':[2],'data_offsets':[0,4]}} | 'x' [2] of F32 does not fill",
        "{'x':{'dtype':'F32','shape':[1],'data_offsets':[4,8]}} | 'x' begins at byte 4 after a gap",
        "{'x':{'dtype':'F32','shape':[1],'data_offsets':[0,4]}} | end at byte 4 of the data",
        "{'x':{'dtype':'F32','shape':[2],'data_offsets':[0,8]},'y':{'dtype':'F32','shape':[1],'data_offsets':[4,8]}} | 'y' begins at byte 4, inside another",
        "{'x':{'dtype':'F32','shape':[9],'data_offsets':[0,36]}} | 'x' lies at bytes [0, 36] of 8",
        "{'x':{'dtype':'F32','shape':[1],'data_offsets':[8,4]}} | 'x' lies at bytes [8, 4]",
        "{'x':{'dtype':'F32','shape':[2],'data_offsets':[0]}} | 'x' lies at bytes [0]",
        "{'x':{'dtype':'F32','shape':[-2],'data_offsets':[0,8]}} | 'x' has the shape [-2]",
        "{'x':{'dtype':'F32','shape':[2.0],'data_offsets':[0,8]}} | 'x' has the shape [2.0]",
        "{'x':{'dtype':'F32','shape':2,'data_offsets':[0,8]}} | 'x' has the shape 2",
        "{'x':{'dtype':'F32','data_offsets':[0,8]}} | 'x' has the shape",
        "{'x':{'dtype':'F32','shape':[9223372036854775807,4],'data_offsets':[0,8]}} | 'x' has the impossible shape",
        "{'x':{'dtype':'F32','shape':[4611686018427387905],'data_offsets':[0,8]}} | 'x' [4611686018427387905]",
        "{'x':{'dtype':'F32','shape':[1e99],'data_offsets':[0,8]}} | 'x' has the shape",
        "{'x':{'dtype':'I64','shape':[1],'data_offsets':[0,8]}} | 'x' of",
        "{'x':{'dtype':'F8_E4M3','shape':[8],'data_offsets':[0,8]}} | stored as 'F8_E4M3'",
        "{'x':{'dtype':'F32','shape':[1],'data_offsets':[0,4]},'x':{'dtype':'F32','shape':[1],'data_offsets':[4,8]}} | Duplicate field 'x'",
        "[1] | not a JSON object",
        "{'x': | not the JSON",
        "{'x':7} | 'x'",
      })
  void aHeaderThatDoesNotDescribeTheDataIsRefused(String header, String message)
      throws IOException {
    Path file =
        Files.write(temp.resolve("bad.safetensors"), file(header.replace('\'', '"'), new byte[8]));

    assertThatThrownBy(() -> Safetensors.open(List.of(file)))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("bad.safetensors")
        .hasMessageContaining(message);
  }

  @ParameterizedTest
  @CsvSource({"-1", "0", "1", "100000001", "4611686018427387904", "-9223372036854775808", "9000"})
  void aHeaderLengthThatCannotBeIsRefusedWithoutReadingOn(long length) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN);
    Path file = Files.write(temp.resolve("bad"), bytes.putLong(length).array());

    assertThatThrownBy(() -> Safetensors.open(List.of(file)))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("its header claims " + Long.toUnsignedString(length));
  }

  @Test
  void everyTruncationAndEveryChangedByteIsRefusedOrReadNeverWorse() throws IOException {
    Path file = temp.resolve("a");
    var tensors = new LinkedHashMap<String, Safetensors.Output>();
    tensors.put("x", Safetensors.Output.of(DType.F32, List.of(2L), 1, 2));
    tensors.put("y", Safetensors.Output.of(DType.BF16, List.of(2L), 1, 2));
    Safetensors.write(file, tensors, Map.of("format", "pt"));
    byte[] whole = Files.readAllBytes(file);
    var random = new Random(5);

    for (int length = 0; length < whole.length; length++) {
      Path cut = Files.write(temp.resolve("cut"), Arrays.copyOf(whole, length));
      assertThatThrownBy(() -> Safetensors.open(List.of(cut))).isInstanceOf(LatheException.class);
    }
    for (int round = 0; round < 500; round++) {
      byte[] changed = whole.clone();
      changed[random.nextInt(changed.length)] = (byte) random.nextInt();
      readOrRefuse(Files.write(temp.resolve("changed"), changed));
    }
  }

  private static void readOrRefuse(Path file) {
    try (WeightSource source = Safetensors.open(List.of(file))) {
      for (String name : source.names()) {
        assertThat(Dequantize.toF32(source.tensor(name)).length)
            .isEqualTo((int) source.tensor(name).elements());
      }
    } catch (LatheException e) {
      assertThat(e).hasMessageContaining(file.getFileName().toString());
    }
  }

  @Test
  void shardsAreReadThroughTheirIndex() throws IOException {
    shard("model-00001-of-00002.safetensors", "a");
    shard("model-00002-of-00002.safetensors", "b");
    index(
        "\"a\": \"model-00001-of-00002.safetensors\", \"b\": \"model-00002-of-00002.safetensors\"");

    try (WeightSource source = Safetensors.openDirectory(temp)) {
      assertThat(source.names()).containsExactly("a", "b");
      assertThat(Dequantize.toF32(source.tensor("b"))).containsExactly(1);
    }
  }

  @Test
  void anIndexAndShardsThatDisagreeAreRefusedByTensor() throws IOException {
    shard("one.safetensors", "a");
    shard("two.safetensors", "b");

    index("\"a\": \"one.safetensors\", \"b\": \"one.safetensors\"");
    assertThatThrownBy(() -> Safetensors.openDirectory(temp)).hasMessageContaining("'b'");

    index("\"a\": \"one.safetensors\", \"c\": \"two.safetensors\"");
    assertThatThrownBy(() -> Safetensors.openDirectory(temp)).hasMessageContaining("'b', 'c'");

    index("\"a\": \"one.safetensors\", \"b\": \"three.safetensors\"");
    assertThatThrownBy(() -> Safetensors.openDirectory(temp))
        .hasMessageContaining("three.safetensors");
  }

  @Test
  void aNameInTwoFilesIsRefused() {
    shard("one.safetensors", "a");
    shard("two.safetensors", "a");

    assertThatThrownBy(() ->
            Safetensors.open(
                List.of(temp.resolve("one.safetensors"), temp.resolve("two.safetensors"))))
        .hasMessageContaining("'a' is also in 'one.safetensors'");
  }

  @ParameterizedTest
  @CsvSource({"../secret.safetensors", "/etc/x.safetensors", "one.bin", "..\\x.safetensors"})
  void anIndexThatPointsElsewhereIsRefused(String file) throws IOException {
    index("\"a\": \"" + file.replace("\\", "\\\\") + "\"");

    assertThatThrownBy(() -> Safetensors.openDirectory(temp))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("tensor 'a' is said to be in '" + file + "'");
  }

  @Test
  void picklesAreRefusedByName() throws IOException {
    Files.writeString(temp.resolve("pytorch_model.bin"), "x");

    assertThatThrownBy(() -> Safetensors.openDirectory(temp))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("'pytorch_model.bin', a pickle")
        .hasMessageContaining("model.safetensors");
  }

  @Test
  void closingUnmapsTheFileAndALaterReadSaysSo() throws IOException {
    shard("mapped-by-this-test.safetensors", "a");
    WeightSource source =
        Safetensors.open(List.of(temp.resolve("mapped-by-this-test.safetensors")));
    assertThat(maps()).contains("mapped-by-this-test");

    source.close();
    source.close();

    assertThat(maps()).doesNotContain("mapped-by-this-test");
    assertThatThrownBy(() -> source.tensor("a"))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("are closed");
  }

  @Test
  void aFileThatIsRefusedIsNotLeftMapped() throws IOException {
    Path file = Files.write(temp.resolve("refused-by-this-test"), new byte[64]);

    assertThatThrownBy(() -> Safetensors.open(List.of(file))).isInstanceOf(LatheException.class);

    assertThat(maps()).doesNotContain("refused-by-this-test");
  }

  private static String maps() throws IOException {
    return Files.readString(Path.of("/proc/self/maps"));
  }

  private void shard(String file, String tensor) {
    var tensors = new LinkedHashMap<String, Safetensors.Output>();
    tensors.put(tensor, Safetensors.Output.of(DType.F32, List.of(1L), 1));
    Safetensors.write(temp.resolve(file), tensors, Map.of());
  }

  private void index(String map) throws IOException {
    Files.writeString(temp.resolve(Safetensors.INDEX), "{\"weight_map\": {" + map + "}}");
  }

  private static byte[] file(String header, byte[] data) {
    byte[] text = header.getBytes(StandardCharsets.UTF_8);
    var out = new ByteArrayOutputStream();
    out.writeBytes(GgufFile.longs(text.length));
    out.writeBytes(text);
    out.writeBytes(data);
    return out.toByteArray();
  }
}
