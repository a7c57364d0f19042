package dev.lathe.platform.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lathe.compute.LatheException;
import java.util.List;
import org.junit.jupiter.api.Test;

class QuestionsTest {
  @Test
  void promptsAndMessagesWithOneOrSeveralExpectedWordings() {
    Questions.Read read =
        Questions.parse(
            "q.jsonl",
            List.of(
                "{\"id\": \"fee\", \"prompt\": \"What?\", \"expected\": [\"$4.80\", \"4.80 dollars\"]}",
                "",
                "{\"messages\": [{\"role\": \"system\", \"content\": \"Be brief.\"},"
                    + " {\"role\": \"user\", \"content\": \"Who?\"}], \"answer\": \"Mia\"}"));

    assertThat(read.questions())
        .containsExactly(
            Question.of("fee", "What?", List.of("$4.80", "4.80 dollars")),
            new Question(
                "line 3",
                List.of(
                    new Question.Turn("system", "Be brief."), new Question.Turn("user", "Who?")),
                List.of("Mia")));
    assertThat(read.unusedKeys()).isEmpty();
  }

  @Test
  void everyBadRowIsNamedAtOnce() {
    assertThatThrownBy(() ->
            Questions.parse(
                "q.jsonl",
                List.of(
                    "{\"prompt\": \"fine\"}",
                    "{\"prompt\": ",
                    "[1]",
                    "{\"expected\": \"x\"}",
                    "{\"prompt\": \"a\", \"prompt\": \"b\"}",
                    "{\"prompt\": \"a\", \"expected\": [{}]}",
                    "{\"messages\": [{\"role\": \"assistant\", \"content\": \"x\"}]}",
                    "{\"messages\": [{\"role\": \"robot\", \"content\": \"x\"}]}",
                    "{\"prompt\": \"a\", \"expected\": \"x\", \"answer\": \"y\"}")))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("8 rows of 'q.jsonl'")
        .hasMessageContaining("line 2: not JSON")
        .hasMessageContaining("line 3: a JSON object was wanted, found a JSON array")
        .hasMessageContaining("line 4: exactly one of 'prompt' and 'messages'")
        .hasMessageContaining("line 5: not JSON (Duplicate field 'prompt', column 25)")
        .hasMessageContaining("line 6: 'expected' must be a text")
        .hasMessageContaining("line 7: the last of 'messages' must be the user's")
        .hasMessageContaining("line 8: message 1 needs a 'role'")
        .hasMessageContaining("line 9: give 'expected' or 'answer', not both");
  }

  @Test
  void keysThatMeanNothingAreReported() {
    assertThat(
            Questions.parse("q.jsonl", List.of("{\"prompt\": \"a\", \"topic\": \"x\"}"))
                .unusedKeys())
        .containsExactly("topic");
  }

  @Test
  void fileWithoutQuestionsIsRefused() {
    assertThatThrownBy(() -> Questions.parse("q.jsonl", List.of("", " ")))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("holds no questions");
  }
}
