package dev.lathe.platform.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lathe.platform.dataset.Turn.Role;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

final class SplitTest {
  private static DatasetVersion rows(int count) {
    List<Row> rows =
        IntStream.range(0, count)
            .mapToObj(i ->
                new Row(
                    new RowSource("r", i + 1, i + 1),
                    List.of(Turn.of(Role.USER, "q" + i), Turn.of(Role.ASSISTANT, "a")),
                    List.of()))
            .toList();
    return DatasetVersion.of("r", rows, List.of(), List.of());
  }

  @Test
  void aShareIsRoundedUpAndACountTakenAsItIs() {
    assertThat(Split.of(rows(10), 0.11, 1).validation()).hasSize(2);
    assertThat(Split.of(rows(10), 3, 1).validation()).hasSize(3);
    assertThat(Split.of(rows(10), 0, 1).validation()).isEmpty();
  }

  @Test
  void bothPartsTogetherAreTheWholeAndTheSeedDecides() {
    Split split = Split.of(rows(20), 0.3, 1);

    assertThat(split.train().rows()).hasSize(14).doesNotContainAnyElementsOf(split.validation());
    assertThat(Split.of(rows(20), 0.3, 1)).isEqualTo(split);
    assertThat(Split.of(rows(20), 0.3, 2).validation()).isNotEqualTo(split.validation());
  }

  @Test
  void aSplitThatLeavesNothingToTrainOnIsRefused() {
    assertThatThrownBy(() -> Split.of(rows(3), 3, 1)).hasMessageContaining("holds out 3 rows of 3");
  }

  @Test
  void ordersAreSeededPermutations() {
    int[] order = Order.shuffled(50, 42, 0);

    assertThat(order).containsExactlyInAnyOrder(Order.inOrder(50)).isNotEqualTo(Order.inOrder(50));
    assertThat(Order.shuffled(50, 42, 0)).isEqualTo(order);
    assertThat(Order.shuffled(50, 42, 1)).isNotEqualTo(order);
    assertThat(Order.shuffled(50, 43, 0)).isNotEqualTo(order);
  }
}
