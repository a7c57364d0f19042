package dev.lathe.compute.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lathe.compute.LatheException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class PackerTest {
  private static EncodedRow row(String source, int tokens) {
    boolean[] scored = new boolean[tokens];
    Arrays.fill(scored, tokens / 2 + 1, tokens, true);
    int[] ids = IntStream.range(0, tokens).map(i -> source.hashCode() + i).toArray();
    return new EncodedRow(ids, scored, false, true, source);
  }

  @Test
  void everyRowIsInOneBatchOnceAndWhole() {
    Random random = new Random(3);
    List<EncodedRow> rows = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      rows.add(row("row " + i, 1 + random.nextInt(200)));
    }

    List<TokenBatch> batches = Packer.pack(rows, 256);

    List<String> found = new ArrayList<>();
    for (TokenBatch batch : batches) {
      assertThat(batch.tokens()).isLessThanOrEqualTo(256);
      for (int i = 0; i < batch.rows(); i++) {
        String source = batch.sources().get(i);
        EncodedRow row =
            rows.stream().filter(r -> r.source().equals(source)).findFirst().orElseThrow();
        int start = batch.rowStarts()[i];
        int end = batch.rowStarts()[i + 1];
        assertThat(Arrays.copyOfRange(batch.ids(), start, end)).isEqualTo(row.ids());
        assertThat(Arrays.copyOfRange(batch.scored(), start, end)).isEqualTo(row.scored());
        found.add(source);
      }
    }
    assertThat(found)
        .containsExactlyInAnyOrderElementsOf(rows.stream().map(EncodedRow::source).toList());
    int tokens = rows.stream().mapToInt(EncodedRow::tokens).sum();
    assertThat(batches).hasSizeLessThan(tokens * 12 / (256 * 10) + 2);
  }

  @Test
  void theLongestRowComesFirstAndEqualOnesKeepTheirOrder() {
    List<TokenBatch> batches =
        Packer.pack(List.of(row("a", 5), row("b", 9), row("c", 5), row("d", 2)), 14);

    assertThat(batches.stream().map(TokenBatch::sources))
        .containsExactly(List.of("b", "a"), List.of("c", "d"));
  }

  @Test
  void aRowLongerThanABatchIsRefusedByName() {
    assertThatThrownBy(() -> Packer.pack(List.of(row("train.json:17", 20)), 16))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("'train.json:17' has 20 tokens, a batch holds 16");
  }
}
