package dev.lathe.compute.engine;

import static dev.lathe.compute.engine.Streams.greedy;
import static dev.lathe.compute.engine.Streams.in;
import static dev.lathe.compute.engine.Streams.prompt;
import static dev.lathe.compute.engine.Streams.read;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.kernel.Storage;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.model.TinyModels;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class EmbeddingTest {
  private static final EngineSettings SETTINGS = new EngineSettings(Storage.F32, 4, 1024, 2, 24);

  @TempDir Path folder;

  private Checkpoint llama() {
    return Checkpoint.open(TinyModels.llama(folder.resolve("llama"), 11));
  }

  private static double[] pooled(double[][] hidden, Pooling pooling) {
    double[] vector = new double[hidden[0].length];
    int first = pooling == Pooling.MEAN ? 0 : hidden.length - 1;
    for (int t = first; t < hidden.length; t++) {
      for (int i = 0; i < vector.length; i++) {
        vector[i] += hidden[t][i] / (hidden.length - first);
      }
    }
    double squares = 0;
    for (double value : vector) {
      squares += value * value;
    }
    for (int i = 0; i < vector.length; i++) {
      vector[i] /= Math.sqrt(squares);
    }
    return vector;
  }

  @ParameterizedTest
  @EnumSource(Pooling.class)
  void vectorsArePooledStatesOfThePlainDecoderAtLengthOne(Pooling pooling) throws Exception {
    try (Checkpoint model = llama();
        JavaEngine engine = JavaEngine.open(model, SETTINGS)) {
      Adapter adapter =
          RandomAdapters.of(model.config(), "a", 3, EnumSet.allOf(Projection.class), 5);
      List<int[]> texts = List.of(prompt(1, 1), prompt(70, 2), prompt(33, 3), prompt(90, 4));
      TokenStream beside = engine.submit(greedy(prompt(5, 1), null, 100));

      List<float[]> vectors = engine.embed(texts, in(engine, adapter), pooling, Terms.PLAIN);

      PlainDecoder plain = new PlainDecoder(model.config(), model.weights(), adapter);
      for (int i = 0; i < texts.size(); i++) {
        double[] expected = pooled(plain.hidden(texts.get(i)), pooling);
        assertThat(vectors.get(i)).hasSize(expected.length);
        for (int d = 0; d < expected.length; d++) {
          assertThat((double) vectors.get(i)[d]).isCloseTo(expected[d], within(1e-5));
        }
      }
      assertThat(read(beside)).hasSize(100);
    }
  }

  @Test
  void aTextThatCanNeverFitIsRefusedBeforeAnythingIsComputed() {
    try (Checkpoint model = llama();
        JavaEngine engine = JavaEngine.open(model, SETTINGS)) {
      assertThatThrownBy(() ->
              engine.embed(List.of(prompt(3, 1), prompt(513, 2)), null, Pooling.MEAN, Terms.PLAIN))
          .isInstanceOf(LatheException.class)
          .hasMessageContaining("513 tokens");
    }
  }
}
