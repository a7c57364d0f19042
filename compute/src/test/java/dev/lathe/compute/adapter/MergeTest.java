package dev.lathe.compute.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lathe.compute.model.ModelConfig.Projection;
import org.junit.jupiter.api.Test;

class MergeTest {
  @Test
  void theProductIsScaledAndAdded() {
    float[] weight = {1, 2, 3, 4, 5, 6};
    var factor =
        new Adapter.Factor(
            0, Projection.Q, 2, 0.5f, new float[] {1, 0, 2, 0, 1, 0}, new float[] {2, 4, 0, 6});

    Merge.addTo(weight, 3, factor);

    assertThat(weight).containsExactly(1 + 1, 2 + 2, 3 + 2, 4, 5 + 3, 6);
  }

  @Test
  void factorsOfAnotherShapeAreAMistakeOfTheCaller() {
    var factor = new Adapter.Factor(0, Projection.Q, 1, 1, new float[2], new float[3]);

    assertThatThrownBy(() -> Merge.addTo(new float[6], 3, factor))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("Q in layer 0");
  }
}
