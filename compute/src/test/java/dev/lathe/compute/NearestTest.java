package dev.lathe.compute;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class NearestTest {
  private static final List<String> KNOWN = List.of("lora_rank", "lora_alpha", "learning_rate");

  @Test
  void aSlipOfTheFingersFindsTheWord() {
    assertThat(Nearest.to("lora_rnak", KNOWN)).contains("lora_rank");
    assertThat(Nearest.to("LEARNING_RAT", KNOWN)).contains("learning_rate");
  }

  @Test
  void aWordThatIsLikeNoneFindsNone() {
    assertThat(Nearest.to("template", KNOWN)).isEmpty();
    assertThat(Nearest.hint("template", KNOWN)).isEmpty();
  }

  @Test
  void theHintEndsAsAQuestion() {
    assertThat(Nearest.hint("lora_alfa", KNOWN)).isEqualTo(", did you mean 'lora_alpha'?");
  }
}
