package dev.lathe.compute.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class Stories260KTest {
  @TempDir Path temp;

  @Test
  void theConvertedModelOpens() {
    try (Checkpoint checkpoint = Checkpoint.open(Stories260K.directory(temp))) {
      ModelConfig config = checkpoint.config();

      assertThat(config.width()).isEqualTo(64);
      assertThat(config.layers()).isEqualTo(5);
      assertThat(config.vocabulary()).isEqualTo(512);
      assertThat(config.eosTokenIds()).contains(2);
    }
  }

  @Test
  void theGoldenLogitsChooseTheGoldenTokens() {
    for (Stories260K.Golden golden : Stories260K.golden()) {
      int[] all = golden.all();
      golden
          .logits()
          .forEach((position, logits) -> {
            if (position >= golden.prompt().length - 1 && position + 1 < all.length) {
              assertThat(largest(logits)).isEqualTo(all[position + 1]);
            }
          });
    }
  }

  private static int largest(float[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      best = logits[i] > logits[best] ? i : best;
    }
    return best;
  }
}
