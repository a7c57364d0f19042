package dev.lathe.app.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lathe.compute.LatheException;
import dev.lathe.platform.evaluation.Question;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WorkshopTest {
  private static final Question ASKED = Question.of("1", "What?", List.of("that"));

  @TempDir private Path folder;

  @Test
  void whatWasDoneIsThereAgainUnderTheSameKey() throws IOException {
    try (Workshop first = Workshop.open(folder, "key", false)) {
      first.write("base.json", told("It is that.").json());
      finish(first);
    }

    try (Workshop second = Workshop.open(folder, "key", false)) {
      assertThat(second.isTrained()).isTrue();
      assertThat(Told.read(second.file("base.json"), "base", List.of(ASKED)))
          .hasValueSatisfying(
              told -> assertThat(told.answer(ASKED).text()).isEqualTo("It is that."));
    }
  }

  @Test
  void otherDataOrAWishToStartAnewDropsEverything() throws IOException {
    for (boolean anew : List.of(false, true)) {
      try (Workshop first = Workshop.open(folder, "key", true)) {
        first.write("base.json", told("It is that.").json());
        finish(first);
      }

      try (Workshop second = Workshop.open(folder, anew ? "key" : "other", anew)) {
        assertThat(second.isTrained()).isFalse();
        assertThat(second.file("base.json")).doesNotExist();
      }
    }
  }

  @Test
  void aSecondDemoInTheSameFolderIsRefusedAndTouchesNothing() throws IOException {
    try (Workshop first = Workshop.open(folder, "key", false)) {
      finish(first);

      assertThatThrownBy(() -> Workshop.open(folder, "other", true))
          .isInstanceOf(LatheException.class)
          .hasMessageContaining("another 'lathe demo' is at work in '" + folder + "'");
      assertThat(first.isTrained()).isTrue();
    }
    Workshop.open(folder, "key", false).close();
  }

  @Test
  void answersOfAnotherCandidateOrWithoutAQuestionOrDamagedDoNotCount() throws IOException {
    Path file = folder.resolve("answers.json");
    Files.writeString(file, told("It is that.").json());

    assertThat(Told.read(file, "adapter", List.of(ASKED))).isEmpty();
    assertThat(Told.read(file, "base", List.of(Question.of("2", "Who?", List.of())))).isEmpty();
    Files.writeString(file, "{\"of\": \"base\", \"answ");
    assertThat(Told.read(file, "base", List.of(ASKED))).isEmpty();
  }

  private static Told told(String answer) {
    SequencedMap<String, Told.Text> answers = new LinkedHashMap<>();
    answers.put(ASKED.prompt(), new Told.Text(answer, false));
    return new Told("base", answers);
  }

  private static void finish(Workshop workshop) throws IOException {
    Files.createDirectories(workshop.adapter());
    Files.writeString(workshop.adapter().resolve("lathe.json"), "{}");
  }
}
