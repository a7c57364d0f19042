package dev.lathe.compute.engine;

import static dev.lathe.compute.engine.PlainDecoder.assertClose;
import static dev.lathe.compute.engine.Streams.in;
import static dev.lathe.compute.engine.Streams.prompt;

import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.kernel.Storage;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.compute.model.ModelConfig.Family;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.model.TinyModels;
import dev.lathe.compute.model.TinyModels.Shape;
import dev.lathe.compute.weights.DType;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Models of odd shapes, on any number of threads, beside the plain decoder.
class ShapesTest {
  @TempDir Path folder;

  static IntStream seeds() {
    return IntStream.range(0, 20);
  }

  private static <T> T one(Random random, List<T> of) {
    return of.get(random.nextInt(of.size()));
  }

  private static Shape shape(Random random) {
    int kvHeads = one(random, List.of(1, 2, 3));
    int heads = kvHeads * one(random, List.of(1, 2, 3, 7));
    int headWidth = one(random, List.of(2, 8, 20, 32, 64, 96));
    return new Shape(
        one(random, List.of(Family.values())),
        heads * headWidth,
        1 + random.nextInt(2),
        heads,
        kvHeads,
        1 + random.nextInt(300),
        259 + random.nextInt(300),
        random.nextBoolean(),
        DType.F32);
  }

  @ParameterizedTest
  @MethodSource("seeds")
  void logitsAreThoseOfThePlainDecoder(int seed) {
    Random random = new Random(seed);
    Shape shape = shape(random);
    EngineSettings settings =
        new EngineSettings(
            Storage.F32, 1 + random.nextInt(8), 512, 1 + random.nextInt(9), 1 + random.nextInt(40));
    int[] tokens = prompt(1 + random.nextInt(70), seed);
    try (Checkpoint model = Checkpoint.open(TinyModels.write(folder.resolve("m"), shape, seed));
        JavaEngine engine = JavaEngine.open(model, settings)) {
      Adapter adapter =
          RandomAdapters.of(
              model.config(),
              "a",
              1 + random.nextInt(20),
              EnumSet.of(one(random, List.of(Projection.values())), Projection.GATE),
              seed);

      assertClose(
          engine.allLogits(tokens, null),
          new PlainDecoder(model.config(), model.weights(), null).logits(tokens),
          1e-3);
      assertClose(
          engine.allLogits(tokens, in(engine, adapter)),
          new PlainDecoder(model.config(), model.weights(), adapter).logits(tokens),
          1e-3);
    }
  }
}
