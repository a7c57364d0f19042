package dev.lathe.app.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Every setting of a reply, from the command line and from a row, has an effect; both the same.
class DecodingTest {
  private static final JsonMapper JSON = new JsonMapper();

  @TempDir Path folder;
  private TinyStage stage;

  @BeforeEach
  void makeModel() {
    stage = new TinyStage(folder);
  }

  private int run(String... more) {
    List<String> arguments =
        new ArrayList<>(List.of("generate", stage.model().toString(), "--threads=1"));
    arguments.addAll(Arrays.asList(more));
    return stage.run(arguments.toArray(String[]::new));
  }

  private List<JsonNode> rows(String... more) throws IOException {
    assertThat(run(more)).as(stage.err()).isZero();
    List<JsonNode> rows = new ArrayList<>();
    for (String line : stage.out().lines().toList()) {
      rows.add(JSON.readTree(line));
    }
    return rows;
  }

  private String output(String... more) throws IOException {
    return rows(more).getFirst().path("output").asText();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          --max-tokens=5 | "max_tokens": 5
          --temperature=3 | "temperature": 3
          --temperature=3 --top-k=4 | "temperature": 3, "top_k": 4
          --temperature=3 --top-p=0.4 | "temperature": 3, "top_p": 0.4
          --temperature=3 --min-p=0.4 | "temperature": 3, "min_p": 0.4
          --temperature=3 --seed=7 | "temperature": 3, "seed": 7
          --repetition-penalty=1.9 | "repetition_penalty": 1.9
          --frequency-penalty=2 | "frequency_penalty": 2
          --presence-penalty=2 | "presence_penalty": 2.0
          --logit-bias=65=100,66=-3 | "logit_bias": {"65": 100, "66": -3}
          --stop-token=65 --logit-bias=65=9 | "stop_token_ids": [65], "logit_bias": {"65": 9}
          --logit-bias=258=100 --ignore-eos | "logit_bias": {"258": 100}, "ignore_eos": true
          --logit-bias=258=100 --min-tokens=9 | "logit_bias": {"258": 100}, "min_tokens": 9
          """)
  void anOptionAndTheKeyOfARowHaveTheSameEffect(String options, String keys) throws IOException {
    Path plain = stage.write("plain.jsonl", "{\"prompt\": \"hello\"}\n");
    Path own = stage.write("own.jsonl", "{\"prompt\": \"hello\", " + keys + "}\n");
    String[] all = (options + " --context=200 --input=" + plain).split(" ");
    JsonNode bare = rows("--context=200", "--input=" + plain).getFirst();

    JsonNode asked = rows(all).getFirst();
    JsonNode written = rows("--context=200", "--input=" + own).getFirst();

    assertThat(asked.path("output")).isEqualTo(written.path("output"));
    assertThat(asked.path("output_tokens")).isEqualTo(written.path("output_tokens"));
    assertThat(asked).isNotEqualTo(bare);
  }

  @Test
  void theTableInThePapersNamesTheOptionsAndTheKeys() {
    Set<String> keys = new TreeSet<>();
    for (List<String> row : Papers.table(Papers.read("docs/cli.md"), "## Replies")) {
      keys.add(row.get(1).replace("`", ""));
      String option = row.getFirst().split("[` ]")[1];
      run("--help");
      assertThat(stage.out()).contains(option);
      assertThat(option.substring(2).replace('-', '_'))
          .isEqualTo(row.get(1).replaceAll("`|_ids", ""));
    }
    assertThat(keys).isEqualTo(new TreeSet<>(Decoding.KEYS));
  }

  @Test
  void theEndIsPassedOverOnRequest() throws IOException {
    String[] ends = {"hello", "--format=jsonl", "--max-tokens=20", "--logit-bias=258=100"};
    assertThat(rows(ends).getFirst().path("output_tokens").asInt()).isZero();
    assertThat(rows(with(ends, "--min-tokens=9")).getFirst().path("output_tokens").asInt())
        .isEqualTo(9);
    assertThat(rows(with(ends, "--ignore-eos")).getFirst().path("finish").asText())
        .isEqualTo("length");
  }

  private static String[] with(String[] arguments, String more) {
    String[] all = Arrays.copyOf(arguments, arguments.length + 1);
    all[arguments.length] = more;
    return all;
  }

  @Test
  void aStopTextOfARowReplacesThatOfTheCommandLine() throws IOException {
    String whole = output("hello", "--format=jsonl", "--max-tokens=20");
    String here = whole.substring(4, 6);
    String there = whole.substring(9, 11);
    Path file =
        stage.write(
            "in.jsonl",
            "{\"prompt\": \"hello\"}\n"
                + JSON.createObjectNode().put("prompt", "hello").put("stop", there)
                + "\n");

    List<JsonNode> rows = rows("--input=" + file, "--stop", here, "--max-tokens=20");

    assertThat(rows.get(0).path("output").asText())
        .isEqualTo(whole.substring(0, whole.indexOf(here)));
    assertThat(rows.get(1).path("output").asText())
        .isEqualTo(whole.substring(0, whole.indexOf(there)));
  }

  @Test
  void severalRepliesDifferBySeedAndAreThoseOfTheSeedsOneByOne() throws IOException {
    String[] warm = {"hello", "--format=jsonl", "--temperature=3", "--max-tokens=9"};
    List<JsonNode> three = rows(with(with(warm, "--n=3"), "--seed=5"));

    assertThat(three).extracting(row -> row.path("index").asInt()).containsExactly(0, 1, 2);
    for (int i = 0; i < 3; i++) {
      assertThat(output(with(warm, "--seed=" + (5 + i))))
          .isEqualTo(three.get(i).path("output").asText());
    }
    assertThat(three).extracting(row -> row.path("output").asText()).doesNotHaveDuplicates();
    assertThat(run("hello", "--n=2", "--max-tokens=5")).isZero();
    String once = stage.out().substring(0, stage.out().length() / 2);
    assertThat(stage.out()).isEqualTo(once + "\n" + once.stripTrailing() + "\n");
  }

  @Test
  void logProbabilitiesAreThoseOfTheTokensWritten() throws IOException {
    JsonNode row = rows("hello", "--logprobs", "--top-logprobs=3", "--max-tokens=6").getFirst();

    StringBuilder text = new StringBuilder();
    for (JsonNode token : row.path("logprobs")) {
      text.append(token.path("token").asText());
      assertThat(token.path("logprob").asDouble()).isNegative();
      assertThat(token.path("top_logprobs")).hasSize(3);
      assertThat(token.path("top_logprobs").get(0).path("id")).isEqualTo(token.path("id"));
    }
    assertThat(row.path("logprobs")).hasSize(6);
    assertThat(row.has("prompt_logprobs")).isFalse();
    assertThat(text.toString().replace("\uFFFD", ""))
        .isEqualTo(row.path("output").asText().replace("\uFFFD", ""));
  }

  @Test
  void aPromptIsScoredAsItsOwnContinuationWouldBe() throws IOException {
    JsonNode grown = rows("abc", "--raw", "--logprobs", "--max-tokens=1").getFirst();
    JsonNode next = grown.path("logprobs").get(0);
    Path file =
        stage.write(
            "in.jsonl",
            JSON.createObjectNode()
                    .put("prompt", "abc" + next.path("token").asText())
                    .put("prompt_logprobs", true)
                    .put("max_tokens", 0)
                + "\n");

    JsonNode row = rows("--raw", "--input=" + file).getFirst();

    assertThat(row.path("output_tokens").asInt()).isZero();
    assertThat(row.path("prompt_logprobs").get(0).path("id").asInt()).isEqualTo('a');
    assertThat(row.path("prompt_logprobs").get(0).path("logprob").isNull()).isTrue();
    JsonNode last = row.path("prompt_logprobs").get(3);
    assertThat(last.path("id")).isEqualTo(next.path("id"));
    assertThat(last.path("logprob").asDouble())
        .isCloseTo(next.path("logprob").asDouble(), within(1e-5));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          q --n=0 | n 0 is outside [1, 128]
          q --top-logprobs=2 | --top-logprobs is given without
          q --logprobs --top-logprobs=21 | logprobs 21 is outside [0, 20]
          q --logprobs --format=text | --format text has no place for them
          q --max-tokens=0 | max tokens 0 is less than 1
          q --min-tokens=9 --max-tokens=8 | min tokens 9 is outside [0, 8]
          q --stop-token=259 | stop token 259 is no token: the model has tokens 0 to 258
          q --logit-bias=-1=3 | logit bias -1 is no token
          q --logit-bias=1=300 | logit_bias 300.0 is outside [-100, 100]
          q --frequency-penalty=3 | frequency_penalty
          """)
  void whatCannotBeIsRefused(String arguments, String message) {
    assertThat(run(arguments.split(" "))).isEqualTo(ExitCode.USAGE.code());
    assertThat(stage.err().replace("\n  ", ": ")).contains(message);
    assertThat(stage.out()).isEmpty();
  }

  @Test
  void everyRowWithAValueThatCannotBeIsNamed() throws IOException {
    Path file =
        stage.write(
            "in.jsonl",
            """
            {"prompt": "a", "temperature": "hot"}
            {"prompt": "a", "stop": [1]}
            {"prompt": "a"}
            {"prompt": "a", "max_tokens": 3, "min_tokens": 4}
            {"prompt": "a", "n": 0}
            {"prompt": "a", "logit_bias": {"x": 1}}
            {"prompt": "a", "seed": 1.5}
            """);

    assertThat(run("--input=" + file)).isEqualTo(ExitCode.USAGE.code());

    assertThat(stage.err())
        .contains("row 1: 'temperature' is \"hot\": give a number")
        .contains(
            "row 2: 'stop' is [1]", "row 4: min tokens 4", "row 5: n 0", "row 6: 'logit_bias'")
        .contains("row 7: 'seed' is 1.5")
        .doesNotContain("row 3");
    Path many = stage.write("many.jsonl", "{\"prompt\": \"a\", \"n\": 0}\n".repeat(50));
    assertThat(run("--input=" + many)).isEqualTo(ExitCode.USAGE.code());
    assertThat(stage.err()).contains("50 rows of ", "row 20: n 0", "and 30 more");
    assertThat(stage.err()).doesNotContain("row 21");
  }

  @Test
  void keysThatMeanNothingAreRefusedByNameUnlessTheyAreToBeKept() throws IOException {
    Path file =
        stage.write("in.jsonl", "{\"prompt\": \"a\", \"temprature\": 1, \"topic\": \"x\"}\n");

    assertThat(run("--input=" + file)).isEqualTo(ExitCode.USAGE.code());
    assertThat(stage.err())
        .contains("keys that mean nothing here: temprature, topic")
        .contains("--keep temprature,topic")
        .contains("did you mean 'temperature'");
    JsonNode row = rows("--input=" + file, "--keep=temprature,topic", "--max-tokens=2").getFirst();
    assertThat(row.path("topic").asText()).isEqualTo("x");
    assertThat(run("--input=" + file, "--keep=output")).isEqualTo(ExitCode.USAGE.code());
    assertThat(stage.err()).contains("keys that replies are written under: output");
  }
}
