package dev.lathe.compute.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lathe.compute.kernel.Storage;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.compute.model.Stories260K;
import dev.lathe.compute.model.Stories260K.Golden;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A real trained model against what transformers computes with it in fp32.
class StoriesTest {
  private static final EngineSettings SETTINGS = new EngineSettings(Storage.F32, 8, 4096, 2, 64);

  @TempDir Path folder;

  @Test
  void greedyTextAndLogitsAreThoseOfTransformers() throws Exception {
    Path directory = Stories260K.directory(folder.resolve("stories"));
    try (Checkpoint model = Checkpoint.open(directory);
        JavaEngine engine = JavaEngine.open(model, SETTINGS)) {
      for (Golden golden : Stories260K.golden()) {
        int most = golden.generated().length;
        Request request = new Request(golden.prompt(), null, Sampling.GREEDY, most, Set.of());

        assertThat(read(engine.submit(request)))
            .isEqualTo(IntStream.of(golden.generated()).boxed().toList());
        float[][] logits = engine.allLogits(golden.all(), null);
        for (Map.Entry<Integer, float[]> expected : golden.logits().entrySet()) {
          assertThat(logits[expected.getKey()]).containsExactly(expected.getValue(), within(1e-3f));
        }
      }
    }
  }

  private static List<Integer> read(TokenStream stream) throws InterruptedException {
    List<Integer> tokens = new ArrayList<>();
    try (stream) {
      while (stream.next() instanceof TokenEvent.Token token) {
        tokens.add(token.id());
      }
    }
    return tokens;
  }
}
