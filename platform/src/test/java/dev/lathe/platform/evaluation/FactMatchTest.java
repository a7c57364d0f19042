package dev.lathe.platform.evaluation;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FactMatchTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          The fee is $4.80 a month.           | $4.80
          The fee is $4.8 a month.            | $4.80
          The fee is $ 4.80.                  | $4.80
          It is 1,200 points                  | 1200 points
          It is 1200 points.                  | 1,200 points
          open from 10 am                     | 10am
          open from 10 a.m. on                | 10 AM
          until 5 p.m.                        | 5pm
          管理费是 7.6 元。                     | 7.6元
          利率为２．３％                        | 2.3%
          利率为2.30 %                         | 2.3%
          每天最多１．３５万元                   | 1.35万元
          ask at the INFORMATION desk         | information desk
          9 – 17                              | 9-17
          It’s Mia’s                          | Mia's
          It costs 12.                        | 12
          It costs 5.00 dollars               | 5 dollars
          exactly $730!                       | $730
          9:30-17:00                          | 9:30
          """)
  void spellingMakesNoDifference(String answer, String wording) {
    assertThat(FactMatch.states(answer, List.of(wording))).isTrue();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          The limit is 1730 dollars           | 730 dollars
          The limit is $7300                  | $730
          The limit is $730.50                | $730
          Ask Annabel                         | Ann
          The code is 14.80                   | 4.80
          It is 1,200 points                  | 200 points
          17.6元                              | 7.6元
          It costs 48                         | 4.8
          at 10 ambitious shops               | 10 am
          no answer                           | $730
          """)
  void partOfANumberOrWordIsNoMatch(String answer, String wording) {
    assertThat(FactMatch.states(answer, List.of(wording))).isFalse();
  }

  @Test
  void oneOfSeveralWordingsSuffices() {
    assertThat(FactMatch.states("It is 730 dollars.", List.of("$730", "730 dollars"))).isTrue();
    assertThat(FactMatch.states("It is 700 dollars.", List.of("$730", "730 dollars"))).isFalse();
  }

  @Test
  void anEmptyWordingMatchesNothing() {
    assertThat(FactMatch.states("anything", List.of("", " "))).isFalse();
  }
}
