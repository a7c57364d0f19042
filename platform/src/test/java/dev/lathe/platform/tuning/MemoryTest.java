package dev.lathe.platform.tuning;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lathe.compute.FreeMemory;
import java.util.List;
import org.junit.jupiter.api.Test;

final class MemoryTest {
  @Test
  void whatIsFreeComesOnTopOfWhatTheProcessHolds() {
    assertThat(Memory.of(new FreeMemory(4000, "the machine's free memory"), 1000))
        .isEqualTo(new Memory(5000, "the machine's free memory"));
  }

  @Test
  void aSystemThatDoesNotSaySetsNoLimit() {
    assertThat(Memory.of(new FreeMemory(Long.MAX_VALUE, "it"), 5).limitBytes())
        .isEqualTo(Long.MAX_VALUE);
  }

  @Test
  void memoryLimitIsInGibibytesAndCountsAlone() {
    Recipe recipe =
        new RecipeParser()
            .parse(
                List.of("model_name_or_path=m", "dataset=d", "output_dir=o", "memory_limit=1.5"));

    assertThat(Memory.of(recipe)).isEqualTo(new Memory(3L << 29, "memory_limit"));
  }
}
