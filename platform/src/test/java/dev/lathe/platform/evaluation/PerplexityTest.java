package dev.lathe.platform.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.engine.EngineSettings;
import dev.lathe.compute.engine.JavaEngine;
import dev.lathe.compute.kernel.Storage;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.compute.model.TinyModels;
import dev.lathe.platform.gateway.Generator;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PerplexityTest {
  private static final EngineSettings SETTINGS =
      EngineSettings.of(Storage.F32).withMaxStreams(2).withKvTokens(256).withThreads(1);

  @TempDir Path folder;

  @Test
  void itIsThatOfTheModelsLogitsInTheSecondHalfOfEachWindow() throws InterruptedException {
    Path model = TinyModels.llama(folder.resolve("tiny"), 7);
    int[] text = new Random(1).ints(70, 0, 256).toArray();
    List<String> told = new ArrayList<>();
    double sum = 0;
    try (Checkpoint checkpoint = Checkpoint.open(model);
        JavaEngine engine = JavaEngine.open(checkpoint, SETTINGS)) {
      for (int window = 0; window < 3; window++) {
        int[] ids = Arrays.copyOfRange(text, window * 20, window * 20 + 20);
        float[][] logits = engine.allLogits(ids, null);
        for (int position = 10; position < 20; position++) {
          sum += logSoftmax(logits[position - 1], ids[position]);
        }
      }
    }

    Perplexity found;
    try (Generator generator = Generator.open(model, SETTINGS)) {
      found = Perplexity.of(generator, text, 20, (done, all) -> told.add(done + "/" + all));
      assertThatThrownBy(() -> Perplexity.of(generator, text, 71, (_, _) -> {}))
          .isInstanceOf(LatheException.class)
          .hasMessageContaining("70 tokens, less than a window of 71");
    }

    assertThat(found.logprobs()).hasSize(30);
    assertThat(found.value()).isCloseTo(Math.exp(-sum / 30), within(1e-3));
    assertThat(told).containsExactly("1/3", "2/3", "3/3");
  }

  private static double logSoftmax(float[] logits, int token) {
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp(logit);
    }
    return logits[token] - Math.log(sum);
  }

  @Test
  void theRatioAndItsIntervalComeFromTheDifferencesTokenByToken() {
    Perplexity base = new Perplexity(new double[] {-1, -2, -3, -4});
    Perplexity worse = new Perplexity(new double[] {-1.1, -2.1, -3.1, -4.1});

    assertThat(base.value()).isCloseTo(Math.exp(2.5), within(1e-12));
    assertThat(worse.ratio(base).value()).isCloseTo(Math.exp(0.1), within(1e-12));
    assertThat(worse.ratio(base).margin()).as("all differ alike").isCloseTo(0, within(1e-6));
    Perplexity mixed = new Perplexity(new double[] {-1.2, -2, -3.2, -4});
    assertThat(mixed.ratio(base).value()).isCloseTo(Math.exp(0.1), within(1e-12));
    assertThat(mixed.ratio(base).margin()).isCloseTo(Math.exp(0.1) * 1.96 * 0.1 / 2, within(1e-9));
    assertThat(base.ratio(base)).isEqualTo(new Perplexity.Ratio(1, 0));
  }

  @Test
  void theTextsAreThere() {
    assertThat(SampleText.usual()).extracting(SampleText::name).contains("moby-dick", "analects");
    assertThat(SampleText.usual().get(0).text()).startsWith("CHAPTER 1. Loomings.");
    assertThat(SampleText.usual().get(1).text()).startsWith("学而篇");
  }
}
