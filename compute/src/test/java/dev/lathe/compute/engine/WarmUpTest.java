package dev.lathe.compute.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lathe.compute.kernel.Kernel;
import dev.lathe.compute.kernel.Storage;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.model.ModelConfig.Family;
import dev.lathe.compute.weights.DType;
import dev.lathe.compute.weights.WeightSource;
import dev.lathe.compute.weights.WeightTensor;
import java.lang.foreign.MemorySegment;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class WarmUpTest {
  /// Layers of one type, but for the last, whose `down` is of another; heads of an odd width.
  private record Types(DType most, DType last) implements WeightSource {
    static final int LAYERS = 3;

    ModelConfig config() {
      ModelConfig.Rope rope = new ModelConfig.Rope(1e4, Collections.nCopies(40, 0.5), 1);
      return new ModelConfig(
          Family.QWEN2,
          512,
          LAYERS,
          6,
          3,
          80,
          768,
          1000,
          2048,
          1e-5f,
          rope,
          true,
          false,
          0,
          List.of());
    }

    @Override
    public Set<String> names() {
      return Set.of();
    }

    @Override
    public WeightTensor tensor(String name) {
      DType type = name.contains("." + (LAYERS - 1) + ".mlp.down") ? last : most;
      MemorySegment data = MemorySegment.ofArray(new byte[type.blockBytes()]);
      return new WeightTensor(name, type, List.of((long) type.blockElements()), data);
    }

    @Override
    public void close() {}
  }

  @ParameterizedTest
  @EnumSource(DType.class)
  void aModelOfAnyTypesHasASmallOne(DType type) {
    for (DType last : List.of(DType.Q6_K, DType.BF16, DType.Q5_0)) {
      Types types = new Types(type, last);
      for (Storage storage : Storage.values()) {
        WarmUp warmUp =
            WarmUp.begin(types.config(), types, EngineSettings.of(storage), Kernel.best());
        warmUp.close();

        assertThat(warmUp.passes()).as(type + ", " + last + " as " + storage).isPositive();
      }
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = DType.class,
      names = {"BF16", "Q4_1"})
  void nothingOfItIsLeftBehind(DType type) {
    Types types = new Types(type, type);
    WarmUp.begin(types.config(), types, EngineSettings.of(Storage.AUTO), Kernel.best()).close();

    assertThat(Stream.of(Thread.getAllStackTraces().keySet().toArray(new Thread[0])))
        .extracting(Thread::getName)
        .noneMatch(name -> name.startsWith("lathe-warm-up"));
  }
}
