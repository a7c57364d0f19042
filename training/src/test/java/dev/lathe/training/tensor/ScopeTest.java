package dev.lathe.training.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ScopeTest {
  @BeforeEach
  void load() {
    LibTorch.load(1);
  }

  @Test
  void whatIsMadeInAScopeEndsWithIt() {
    long before = Pointer.totalCount();
    Tensor made;
    try (Scope _ = Scope.open()) {
      made = Tensors.of(new float[] {1, 2}, 0, 2);
      assertThat(Pointer.totalCount()).isGreaterThan(before);
    }

    assertThat(made.isNull()).isTrue();
    assertThat(Pointer.totalCount()).isEqualTo(before);
  }

  @Test
  void whatIsKeptLivesUntilItIsClosed() {
    long before = Pointer.totalCount();
    Tensor kept;
    try (Scope scope = Scope.open()) {
      Tensor made = Tensors.of(new float[] {1, 2}, 0, 2);
      kept = scope.keep(made.add(made));
    }

    assertThat(Tensors.floats(kept)).containsExactly(2, 4);
    assertThat(Pointer.totalCount()).isEqualTo(before + 1);
    kept.close();
    assertThat(kept.isNull()).isTrue();
    assertThat(Pointer.totalCount()).isEqualTo(before);
  }

  @Test
  void whatIsLiftedEndsWithTheEnclosingScope() {
    long before = Pointer.totalCount();
    Tensor lifted;
    try (Scope _ = Scope.open()) {
      try (Scope inner = Scope.open()) {
        lifted = inner.lift(Tensors.of(new float[] {3}, 0, 1));
      }
      assertThat(Tensors.floats(lifted)).containsExactly(3);
    }

    assertThat(lifted.isNull()).isTrue();
    assertThat(Pointer.totalCount()).isEqualTo(before);
  }

  @Test
  void theOutermostScopeHasNowhereToLiftTo() {
    try (Scope scope = Scope.open()) {
      Tensor made = Tensors.of(new float[] {3}, 0, 1);

      assertThatThrownBy(() -> scope.lift(made)).hasMessageContaining("no enclosing scope");
    }
  }
}
