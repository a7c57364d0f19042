package dev.lathe.platform.tuning;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lathe.compute.text.EncodedRow;
import dev.lathe.compute.text.TokenBatch;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

final class CourseTest {
  private static Course course(int rows, String... more) {
    return new Workshop(Path.of("o"), more).rows(rows, 0).job().course();
  }

  private static List<String> sources(Course course, int from, int to) {
    List<String> sources = new ArrayList<>();
    for (int step = from; step <= to; step++) {
      course.rows(step).forEach(row -> sources.add(row.source()));
    }
    return sources;
  }

  @Test
  void stepsAreCountedAsHuggingFaceCountsThem() {
    Course course =
        course(
            10,
            "per_device_train_batch_size=2",
            "gradient_accumulation_steps=2",
            "num_train_epochs=1.5",
            "warmup_ratio=0.3");

    assertThat(course.stepsPerEpoch()).isEqualTo(3);
    assertThat(course.totalSteps()).isEqualTo(5);
    assertThat(course.warmupSteps()).isEqualTo(2);
    assertThat(course.epoch(3)).isEqualTo(1);
    assertThat(course.epoch(4)).isEqualTo(1.4);
    assertThat(course.endsEpoch(3)).isTrue();
  }

  @Test
  void everyEpochVisitsEveryRowOnceInItsOwnOrder() {
    Course course = course(10, "per_device_train_batch_size=4");

    List<String> first = sources(course, 1, 3);
    List<String> second = sources(course, 4, 6);

    assertThat(first).hasSize(10).doesNotHaveDuplicates();
    assertThat(second).containsExactlyInAnyOrderElementsOf(first).isNotEqualTo(first);
    assertThat(course.rows(3)).hasSize(2);
  }

  @Test
  void batchesHoldAsManyTokensAsAskedOrOneLongerRow() {
    Course course = course(20, "per_device_train_batch_size=20", "tokens_in_flight=16");

    List<TokenBatch> batches = course.batches(1);

    assertThat(batches).hasSizeGreaterThan(5);
    int longest = course.rows(1).stream().mapToInt(EncodedRow::tokens).max().orElseThrow();
    assertThat(batches).allMatch(batch -> batch.tokens() <= Math.max(16, longest));
    assertThat(batches.stream().mapToInt(TokenBatch::rows).sum()).isEqualTo(20);
  }

  @Test
  void packingCountsSeveralRowsAsOneUpToTheCutoff() {
    Course loose =
        course(20, "cutoff_len=50", "per_device_train_batch_size=1", "num_train_epochs=1");
    Course packed =
        course(
            20,
            "cutoff_len=50",
            "per_device_train_batch_size=1",
            "num_train_epochs=1",
            "neat_packing=true");

    assertThat(loose.totalSteps()).isEqualTo(20);
    assertThat(packed.totalSteps()).isLessThan(10);
    for (int step = 1; step <= packed.totalSteps(); step++) {
      assertThat(packed.rows(step).stream().mapToInt(EncodedRow::tokens).sum())
          .isLessThanOrEqualTo(49);
    }
    assertThat(sources(packed, 1, packed.totalSteps())).hasSize(20).doesNotHaveDuplicates();
  }
}
