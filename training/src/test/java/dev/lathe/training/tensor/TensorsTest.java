package dev.lathe.training.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lathe.compute.weights.DType;
import dev.lathe.compute.weights.WeightTensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TensorsTest {
  @TempDir Path folder;

  private long pointers;

  @BeforeEach
  void load() {
    LibTorch.load(1);
    pointers = Pointer.totalCount();
  }

  @AfterEach
  void nothingNativeIsLeft() {
    assertThat(Pointer.totalCount()).isEqualTo(pointers);
  }

  @Test
  void floatsGoInRowByRowAndComeBack() {
    try (Scope _ = Scope.open()) {
      Tensor tensor = Tensors.of(new float[] {9, 1, 2, 3, 4, 5, 6}, 1, 2, 3);

      assertThat(Tensors.floats(tensor)).containsExactly(1, 2, 3, 4, 5, 6);
      assertThat(Tensors.floats(tensor.t())).containsExactly(1, 4, 2, 5, 3, 6);
      assertThat(Tensors.floats(tensor.to(ScalarType.BFloat16))).containsExactly(1, 2, 3, 4, 5, 6);
    }
  }

  @Test
  void memoryOfATransposedTensorIsRefused() {
    try (Scope _ = Scope.open()) {
      Tensor turned = Tensors.of(new float[] {1, 2, 3, 4}, 0, 2, 2).t();

      assertThatThrownBy(() -> Tensors.memory(turned)).hasMessageContaining("contiguous");
    }
  }

  @Test
  void aMappedTensorIsReadAndItsFileIsUntouched() throws IOException {
    Path file = folder.resolve("numbers");
    byte[] bytes = new byte[1 << 20];
    for (int i = 0; i < bytes.length; i += 4) {
      bytes[i + 3] = 0x3f;
      bytes[i + 2] = (byte) 0x80; // 1.0f, little-endian
    }
    Files.write(file, bytes);
    try (Arena arena = Arena.ofConfined();
        FileChannel channel = FileChannel.open(file);
        Scope _ = Scope.open()) {
      MemorySegment data =
          channel.map(FileChannel.MapMode.READ_ONLY, 0, bytes.length, arena).asSlice(12);
      long count = (bytes.length - 12L) / 4;
      WeightTensor stored = new WeightTensor("ones", DType.F32, List.of(count), data);

      try (Tensor tensor = Tensors.load(stored, ScalarType.BFloat16)) {
        assertThat(tensor.numel()).isEqualTo(count);
        assertThat(Tensors.floats(tensor)).containsOnly(1);
      }
      assertThat(data.get(ValueLayout.JAVA_FLOAT_UNALIGNED, 0)).isEqualTo(1);
    }
  }
}
