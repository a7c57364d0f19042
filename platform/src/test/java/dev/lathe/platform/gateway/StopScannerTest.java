package dev.lathe.platform.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class StopScannerTest {
  @Test
  void stopTextAcrossPiecesIsFoundAndNothingOfItComesOut() {
    StopScanner scanner = new StopScanner(List.of("END"));

    String text = scanner.push("one E") + scanner.push("N") + scanner.push("D two");

    assertThat(text).isEqualTo("one ");
    assertThat(scanner.isHit()).isTrue();
    assertThat(scanner.push("more") + scanner.finish()).isEmpty();
  }

  @Test
  void whatOnlyLooksLikeTheBeginningComesOutLater() {
    StopScanner scanner = new StopScanner(List.of("END"));

    assertThat(scanner.push("xEN")).isEqualTo("x");
    assertThat(scanner.push("E")).isEqualTo("EN");
    assertThat(scanner.finish()).isEqualTo("E");
    assertThat(scanner.isHit()).isFalse();
  }

  @Test
  void theFirstOfSeveralStopTextsEndsIt() {
    StopScanner scanner = new StopScanner(List.of("later", "now"));

    assertThat(scanner.push("go now or later")).isEqualTo("go ");
  }

  @Test
  void withoutStopTextsEverythingPasses() {
    StopScanner scanner = new StopScanner(List.of());

    assertThat(scanner.push("abc")).isEqualTo("abc");
  }
}
