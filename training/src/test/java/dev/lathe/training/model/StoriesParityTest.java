package dev.lathe.training.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lathe.compute.model.Checkpoint;
import dev.lathe.compute.model.Stories260K;
import dev.lathe.training.tensor.Device;
import dev.lathe.training.tensor.LibTorch;
import dev.lathe.training.tensor.Scope;
import dev.lathe.training.tensor.Tensors;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StoriesParityTest {
  @TempDir Path folder;

  /// The text is checked in one pass over prompt and story: where the likeliest token at every
  /// place is the next one of the story, greedy generation writes that story.
  @Test
  void aTrainedModelTellsTheStoriesThatTransformersTells() {
    LibTorch.load(1);
    try (Checkpoint checkpoint = Checkpoint.open(Stories260K.directory(folder));
        FrozenWeights weights =
            FrozenWeights.load(
                checkpoint.config(), checkpoint.weights(), ScalarType.Float, Device.CPU)) {
      for (Stories260K.Golden golden : Stories260K.golden()) {
        int vocabulary = checkpoint.config().vocabulary();
        float[] logits = logits(checkpoint, weights, golden.all());
        golden
            .logits()
            .forEach((place, expected) ->
                assertThat(row(logits, place, vocabulary))
                    .containsExactly(expected, within(1e-3f)));
        for (int next = golden.prompt().length; next < golden.all().length; next++) {
          assertThat(best(row(logits, next - 1, vocabulary)))
              .as("token %s", next)
              .isEqualTo(golden.all()[next]);
        }
      }
      assertThat(Stories260K.golden()).isNotEmpty();
    }
  }

  private static float[] logits(Checkpoint checkpoint, FrozenWeights weights, int[] tokens) {
    ScalarType type = ScalarType.Float;
    try (Scope _ = Scope.open();
        NoGradGuard _ = new NoGradGuard()) {
      DecoderGraph graph =
          new DecoderGraph(checkpoint.config(), weights, Device.CPU, type, type, Map.of(), 0, 0);
      return Tensors.floats(graph.logits(graph.states(tokens, new int[] {0, tokens.length})));
    }
  }

  private static float[] row(float[] logits, int place, int vocabulary) {
    return Arrays.copyOfRange(logits, place * vocabulary, (place + 1) * vocabulary);
  }

  private static int best(float[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      best = logits[i] > logits[best] ? i : best;
    }
    return best;
  }
}
