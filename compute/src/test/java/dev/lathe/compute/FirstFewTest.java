package dev.lathe.compute;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class FirstFewTest {
  @Test
  void theRestIsCounted() {
    List<String> entries = List.of("a", "b", "c");

    assertThat(FirstFew.of(entries, 1, ", ", " and ")).isEqualTo("a and 2 more");
    assertThat(FirstFew.of(entries, 2, "; ", "; and ")).isEqualTo("a; b; and 1 more");
    assertThat(FirstFew.of(entries, 3, ", ", " and ")).isEqualTo("a, b, c");
    assertThat(FirstFew.of(List.of(), 3, ", ", " and ")).isEmpty();
  }
}
