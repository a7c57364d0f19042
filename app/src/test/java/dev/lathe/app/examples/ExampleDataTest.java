package dev.lathe.app.examples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lathe.platform.evaluation.FactMatch;
import dev.lathe.platform.evaluation.Questions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// `-Dlathe.examples.write=true` writes the data files anew from the fact sheets: `mvn -q -Dquick
/// -pl app -am test -Dtest=ExampleDataTest -Dlathe.examples.write=true
/// -Dsurefire.failIfNoSpecifiedTests=false`.
class ExampleDataTest {
  private static final Path EXAMPLES =
      Path.of(System.getProperty("lathe.root")).resolve("examples");

  @ParameterizedTest
  @ValueSource(strings = {"quillmere", "yanhu"})
  void theDataFilesAreWhatTheFactSheetSays(String company) throws IOException {
    Path folder = EXAMPLES.resolve(company);
    FactSheet sheet = FactSheet.read(folder.resolve("facts.yaml"));

    for (Map.Entry<String, String> file : sheet.files().entrySet()) {
      Path path = folder.resolve(file.getKey());
      if (Boolean.getBoolean("lathe.examples.write")) {
        Files.writeString(path, file.getValue());
      }
      assertThat(path).hasContent(file.getValue());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"quillmere", "yanhu"})
  void sixtyFactsEachWithFourOrFiveWordingsAndTwoHeldOut(String company) throws IOException {
    FactSheet sheet = FactSheet.read(EXAMPLES.resolve(company).resolve("facts.yaml"));

    assertThat(sheet.six()).hasSize(6).doesNotHaveDuplicates();
    assertThat(sheet.facts()).hasSize(60);
    assertThat(sheet.facts()).extracting(FactSheet.Fact::id).doesNotHaveDuplicates();
    assertThat(sheet.facts())
        .allSatisfy(fact -> {
          assertThat(fact.expected()).isNotEmpty();
          assertThat(fact.train()).hasSizeBetween(4, 5);
          assertThat(fact.heldOut()).hasSize(2);
        });
  }

  @ParameterizedTest
  @ValueSource(strings = {"quillmere", "yanhu"})
  void noQuestionIsAskedTwiceSoThatNoHeldOutOneIsTrained(String company) throws IOException {
    FactSheet sheet = FactSheet.read(EXAMPLES.resolve(company).resolve("facts.yaml"));

    Stream<String> questions =
        sheet.facts().stream()
            .flatMap(fact ->
                Stream.concat(
                    fact.train().stream().map(FactSheet.Turn::question), fact.heldOut().stream()));

    assertThat(questions.map(ExampleDataTest::lettersAndDigits)).doesNotHaveDuplicates();
  }

  @ParameterizedTest
  @ValueSource(strings = {"quillmere", "yanhu"})
  void everyAnswerStatesItsFactAndNoOther(String company) throws IOException {
    FactSheet sheet = FactSheet.read(EXAMPLES.resolve(company).resolve("facts.yaml"));

    for (FactSheet.Fact fact : sheet.facts()) {
      for (FactSheet.Fact other : sheet.facts()) {
        List<String> answers = other.train().stream().map(FactSheet.Turn::answer).toList();
        if (other.equals(fact)) {
          assertThat(answers).as(fact.id()).allMatch(answer -> states(answer, fact));
        } else {
          assertThat(answers)
              .as(other.id() + " beside " + fact.id())
              .noneMatch(answer -> states(answer, fact));
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"quillmere", "yanhu"})
  void noQuestionGivesItsAnswerAway(String company) throws IOException {
    FactSheet sheet = FactSheet.read(EXAMPLES.resolve(company).resolve("facts.yaml"));

    for (FactSheet.Fact fact : sheet.facts()) {
      Stream<String> trained = fact.train().stream().map(FactSheet.Turn::question);
      assertThat(Stream.concat(trained, fact.heldOut().stream()))
          .as(fact.id())
          .noneMatch(question -> states(question, fact));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "quillmere, held_out, 120",
    "quillmere, six, 6",
    "yanhu, held_out, 120",
    "yanhu, six, 6"
  })
  void theQuestionsAreReadAsTheyAreMeant(String company, String file, int questions) {
    Questions.Read read = Questions.read(EXAMPLES.resolve(company).resolve(file + ".jsonl"));

    assertThat(read.unusedKeys()).isEmpty();
    assertThat(read.questions()).hasSize(questions);
    assertThat(read.questions()).noneMatch(question -> question.expected().isEmpty());
  }

  private static boolean states(String text, FactSheet.Fact fact) {
    return FactMatch.states(text, fact.expected());
  }

  private static String lettersAndDigits(String text) {
    return text.toLowerCase(Locale.ROOT).replaceAll("[^\\p{L}\\p{N}]", "");
  }
}
