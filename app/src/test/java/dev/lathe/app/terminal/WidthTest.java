package dev.lathe.app.terminal;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

class WidthTest {
  @Test
  void wideCharactersTakeTwoColumnsAndMarksNone() {
    assertThat(Width.of("abc")).isEqualTo(3);
    assertThat(Width.of("银行ａ")).isEqualTo(6);
    assertThat(Width.of("e\u0301")).isEqualTo(1);
    assertThat(Width.of("😀")).isEqualTo(2);
  }

  @Test
  void linesBreakAtSpacesAndBetweenWideCharactersAndNotBeforeClosingMarks() {
    assertThat(Width.wrap("one two three", 7)).containsExactly("one two", "three");
    assertThat(Width.wrap("abcdefghij", 4)).containsExactly("abcd", "efgh", "ij");
    assertThat(Width.wrap("青鹭账户。好", 8)).containsExactly("青鹭账", "户。好");
    assertThat(Width.wrap("a\n\nb", 10)).containsExactly("a", "", "b");
  }

  @Test
  void cutTextEndsInAnEllipsisWithinTheColumns() {
    assertThat(Width.cut("银行账户", 5)).isEqualTo("银行…");
    assertThat(Width.cut("abc", 3)).isEqualTo("abc");
  }

  @Test
  void columnsLineUpWhateverTheScript() {
    List<String> lines =
        SideBySide.lines(
            List.of(
                new SideBySide.Column("left", "青鹭账户每月的管理费是7.6元", UnaryOperator.identity()),
                new SideBySide.Column("right", "word ".repeat(12), UnaryOperator.identity())),
            60);

    assertThat(lines)
        .allSatisfy(line -> assertThat(Width.of(line)).isLessThanOrEqualTo(60))
        .allSatisfy(
            line -> assertThat(Width.of(line.substring(0, line.indexOf('│')))).isEqualTo(29));
  }

  @Test
  void narrowScreensStackTheColumns() {
    List<String> lines =
        SideBySide.lines(
            List.of(
                new SideBySide.Column("left", "a", UnaryOperator.identity()),
                new SideBySide.Column("right", "b", UnaryOperator.identity())),
            40);

    assertThat(lines).containsExactly("left", "  a", "right", "  b");
  }

  @Test
  void textOfAModelCannotSteerTheTerminal() {
    assertThat(Screen.harmless("a\u001b[2Jb\n\u202Ec\u0007")).isEqualTo("a[2Jb\nc");
  }
}
