package dev.lathe.platform.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ThoughtSplitterTest {
  /// Thoughts and answer of a text that comes in pieces of a given size, as `thoughts|answer`.
  private static String split(String text, boolean inside, int size) {
    ThoughtSplitter splitter = new ThoughtSplitter(inside);
    StringBuilder thoughts = new StringBuilder();
    StringBuilder answer = new StringBuilder();
    for (int at = 0; at < text.length(); at += size) {
      var split = splitter.push(text.substring(at, Math.min(text.length(), at + size)));
      thoughts.append(split.thoughts());
      answer.append(split.answer());
    }
    var rest = splitter.finish();
    return thoughts + rest.thoughts() + "|" + answer + rest.answer();
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 5, 7, 1000})
  void thoughtsEndWhereTheMarkSaysHoweverTheTextIsCut(int size) {
    String text = "<think>\nA < B, so </th is no end.\n</think>\n\nYes. <think> is text here.";

    assertThat(split(text, false, size))
        .isEqualTo("A < B, so </th is no end.|Yes. <think> is text here.");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 1000})
  void thoughtsThatThePromptBeganNeedNoMark(int size) {
    assertThat(split("so\n</think>\nyes", true, size)).isEqualTo("so|yes");
  }

  @ParameterizedTest
  @CsvSource({
    "plain,|plain",
    "' <thinking',|' <thinking'",
    "<think>never ends,never ends|",
    "<think></think>x,|x"
  })
  void everyTextIsOneOrTheOther(String text, String expected) {
    assertThat(split(text, false, 1)).isEqualTo(expected.replace("'", ""));
  }

  @Test
  void whatIsNoMarkComesOutAtOnce() {
    ThoughtSplitter splitter = new ThoughtSplitter(false);

    assertThat(splitter.push("<th").answer()).isEmpty();
    assertThat(splitter.push("e").answer()).isEqualTo("<the");
    assertThat(splitter.push(" end").answer()).isEqualTo(" end");
  }
}
