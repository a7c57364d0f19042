package dev.lathe.app.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.lathe.compute.model.ModelConfig.Family;
import dev.lathe.compute.model.RehearsalModel;
import dev.lathe.compute.model.TinyModels;
import dev.lathe.compute.weights.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GenerateVerbTest {
  private static final JsonMapper JSON = new JsonMapper();

  @TempDir Path folder;
  private TinyStage stage;

  @BeforeEach
  void makeModel() {
    stage = new TinyStage(folder);
  }

  /// Runs `generate` on the tiny model with replies of at most twelve tokens.
  private int generate(byte[] in, String... more) {
    List<String> arguments =
        new ArrayList<>(
            List.of("generate", stage.model().toString(), "--max-tokens=12", "--threads=1"));
    arguments.addAll(Arrays.asList(more));
    return stage.run(in, arguments.toArray(String[]::new));
  }

  private int generate(String... more) {
    return generate(new byte[0], more);
  }

  private List<JsonNode> rows(String text) throws IOException {
    List<JsonNode> rows = new ArrayList<>();
    for (String line : text.lines().toList()) {
      rows.add(JSON.readTree(line));
    }
    return rows;
  }

  @Test
  void anArgumentStandardInputAndARowGiveTheSameAnswer() throws IOException {
    assertThat(generate("Name three rivers.")).isZero();
    String argument = stage.out();
    assertThat(generate("Name three rivers.".getBytes(UTF_8))).isZero();
    String piped = stage.out();
    Path file = stage.write("in.jsonl", "{\"prompt\": \"Name three rivers.\"}\n");
    assertThat(generate("--input", file.toString())).isZero();
    String row = rows(stage.out()).getFirst().path("output").asText();

    assertThat(argument).isNotBlank().isEqualTo(piped).isEqualTo(row + "\n");
  }

  @Test
  void rowsComeOutInTheirOrderWithWhatCameIn() throws IOException {
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < 40; i++) {
      lines.append("{\"id\": ").append(i).append(", \"prompt\": \"q").append(i).append("\"}\n\n");
    }
    lines.append(
        "{\"id\": 40, \"messages\": [{\"role\": \"user\", \"content\": \"q7\"}], \"x\": [1]}");
    Path file = stage.write("in.jsonl", lines.toString());
    Path output = folder.resolve("out.jsonl");

    assertThat(generate("--input", file.toString(), "-o", output.toString(), "--keep=x")).isZero();

    assertThat(stage.out()).isEmpty();
    List<JsonNode> rows = rows(Files.readString(output));
    assertThat(rows).extracting(row -> row.path("id").asInt()).hasSize(41).isSorted();
    assertThat(rows).allMatch(row -> row.path("output_tokens").asInt() > 0);
    assertThat(rows).allMatch(row -> row.path("prompt_tokens").asInt() > 5);
    assertThat(rows)
        .extracting(row -> row.path("finish").asText())
        .isSubsetOf("stop", "length")
        .contains("length");
    assertThat(rows.getLast().path("x").toString()).isEqualTo("[1]");
    assertThat(rows.getLast().path("output")).isEqualTo(rows.get(7).path("output"));
  }

  @Test
  void aPipeOfRowsAndTextFromRows() throws IOException {
    byte[] rows = "{\"prompt\": \"a\"}\n{\"prompt\": \"b\"}\n".getBytes(UTF_8);

    assertThat(generate(rows, "--input", "-", "--format", "text")).isZero();
    String text = stage.out();
    assertThat(generate("a", "--format", "jsonl")).isZero();

    String first = rows(stage.out()).getFirst().path("output").asText();
    assertThat(text).startsWith(first + "\n\n");
  }

  @Test
  void adapterSystemMessageAndSamplingEachChangeTheAnswer() throws IOException {
    Path adapter = stage.adapter("mine", 3);
    generate("hello");
    String plain = stage.out();

    assertThat(generate("hello", "--adapter", adapter.toString())).isZero();
    assertThat(stage.out()).isNotEqualTo(plain);
    assertThat(stage.err()).contains("has no lathe.json: only its shapes were checked");
    generate("hello", "--system", "Be brief.");
    assertThat(stage.out()).isNotEqualTo(plain);
    generate("hello", "--raw");
    assertThat(stage.out()).isNotEqualTo(plain);
    generate("hello", "--temperature", "3", "--seed", "1");
    String warm = stage.out();
    assertThat(warm).isNotEqualTo(plain);
    generate("hello", "--temperature", "3", "--seed", "1");
    assertThat(stage.out()).isEqualTo(warm);
    generate("hello", "--temperature", "3", "--seed", "2");
    assertThat(stage.out()).isNotEqualTo(warm);
    String stop = plain.substring(3, 5);
    generate("hello", "--stop", stop);
    assertThat(stage.out()).isEqualTo(plain.substring(0, plain.indexOf(stop)) + "\n");
  }

  @Test
  void theEngineOverLibTorchSaysTheSame() throws IOException {
    Path adapter = stage.adapter("mine", 3);
    String[] common = {"hello", "--adapter", adapter.toString(), "--weights", "f32"};
    assertThat(generate(common)).isZero();
    String java = stage.out();

    assertThat(generate(with(common, "--engine", "libtorch"))).isZero();
    assertThat(stage.out()).isEqualTo(java);
    assertThat(generate(with(common, "--engine", "libtorch", "--device", "cpu"))).isZero();
    assertThat(stage.out()).isEqualTo(java);
  }

  @ParameterizedTest
  @CsvSource({"auto,BF16", "bf16,BF16", "f32,F32", "int8,Q8_0", "int4,'Q4_1, Q8_0'"})
  void weightsAreKeptAsAskedFor(String asked, String formats) {
    assertThat(generate("hello", "--weights", asked, "--stats")).isZero();

    assertThat(stage.err()).contains("MiB, weights " + formats + "\n");
  }

  @Test
  void keysAndValuesAreKeptAsAskedFor() throws IOException {
    double exact = lastLogprob("--weights=f32");
    double rounded = lastLogprob("--weights=f32", "--kv-cache=bf16");

    assertThat(lastLogprob("--weights=f32", "--kv-cache=f32")).isEqualTo(exact);
    assertThat(rounded).isNotEqualTo(exact).isCloseTo(exact, within(0.05));
    assertThat(lastLogprob("--weights=bf16"))
        .isEqualTo(lastLogprob("--weights=bf16", "--kv-cache=bf16"));
    assertThat(lastLogprob("--weights=bf16", "--kv-cache=int8"))
        .isNotEqualTo(lastLogprob("--weights=bf16"))
        .isCloseTo(exact, within(0.1));
    assertThat(generate("q", "--kv-cache=int8", "--engine=libtorch"))
        .isEqualTo(ExitCode.USAGE.code());
    assertThat(stage.err()).contains("--kv-cache is for the engine in Java");
  }

  @Test
  void theStatisticsSayWhatTheCacheTakes() {
    assertThat(generate("q", "--kv-cache=int8", "--context=100", "--stats")).isZero();

    assertThat(stage.err())
        .contains("1 threads, KV cache of 128 tokens as INT8 in 0 MiB, weights ");
  }

  private double lastLogprob(String... more) throws IOException {
    assertThat(generate(with(more, "q".repeat(50), "--prompt-logprobs"))).isZero();
    JsonNode logprobs = rows(stage.out()).getFirst().path("prompt_logprobs");
    return logprobs.get(logprobs.size() - 1).path("logprob").asDouble();
  }

  @Test
  void aQuantisedModelIsKeptAsItIsUnlessAskedForOtherwise() {
    Path quantised = folder.resolve("quantised.gguf");
    RehearsalModel.main(new String[] {quantised.toString()});

    assertThat(stage.run("generate", quantised.toString(), "q", "--max-tokens=4", "--stats"))
        .isZero();
    assertThat(stage.err())
        .contains("weights Q4_1, Q8_0\n")
        .containsPattern("1 reply, \\d+ prompt tokens, 4 output tokens in ");
    stage.run("generate", quantised.toString(), "q", "--max-tokens=4", "--stats", "--weights=bf16");
    assertThat(stage.err()).contains("weights BF16\n");
  }

  @Test
  void guessingAheadLeavesEveryReplyAsItIs() throws IOException {
    Path small = TinyModels.write(folder.resolve("small"), shape(Family.LLAMA, 16, 1), 3);
    StringBuilder rows = new StringBuilder();
    for (int i = 0; i < 3; i++) {
      rows.append("{\"prompt\": \"ab ab ab ").append(i).append("\"}\n");
    }
    Path adapter = stage.adapter("mine", 3);
    Path file = stage.write("in.jsonl", rows.toString());
    String[] common = {
      "generate",
      stage.model().toString(),
      "--input=" + file,
      "--adapter=" + adapter,
      "--max-tokens=200",
      "--threads=1",
      "--stats"
    };
    assertThat(stage.run(common)).isZero();
    String plain = stage.out();
    assertThat(stage.err()).doesNotContain("guesses");

    assertThat(stage.run(with(common, "--speculate"))).isZero();
    assertThat(stage.out()).isEqualTo(plain);
    assertThat(stage.err()).containsPattern("tokens/s, [1-9]\\d* of [\\d,]+ guesses right");
    assertThat(stage.run(with(common, "--draft-model", small.toString()))).isZero();
    assertThat(stage.out()).isEqualTo(plain);
    assertThat(stage.err()).containsPattern("of [1-9][\\d,]* guesses right");
  }

  @Test
  void theSameModelInFewerBitsGuessesWell() {
    Path large = folder.resolve("large.gguf");
    Path small = folder.resolve("small.gguf");
    RehearsalModel.wide(large);
    RehearsalModel.main(new String[] {small.toString()});
    String[] common = {
      "generate",
      large.toString(),
      "one two three 四 🐈",
      "--max-tokens=60",
      "--ignore-eos",
      "--threads=1",
      "--stats"
    };
    assertThat(stage.run(common)).isZero();
    String plain = stage.out();

    assertThat(stage.run(with(common, "--draft-model", small.toString()))).isZero();
    assertThat(stage.out()).isEqualTo(plain);
    Matcher guesses = Pattern.compile("(\\d+) of (\\d+) guesses right").matcher(stage.err());
    assertThat(guesses.find()).isTrue();
    assertThat(2 * Integer.parseInt(guesses.group(1)))
        .isGreaterThan(Integer.parseInt(guesses.group(2)));
    assertThat(stage.run("generate", small.toString(), "q", "--draft-model=" + large))
        .isEqualTo(ExitCode.USAGE.code());
    assertThat(stage.err()).contains("guessing would take longer than choosing");
  }

  @Test
  void aDraftModelThatCannotHelpIsRefused() {
    Path gguf = folder.resolve("other.gguf");
    RehearsalModel.main(new String[] {gguf.toString()});

    assertThat(generate("q", "--draft-model", stage.model().toString()))
        .isEqualTo(ExitCode.USAGE.code());
    assertThat(stage.err()).contains("guessing would take longer than choosing");
    assertThat(stage.run("generate", gguf.toString(), "q", "--draft-model=" + stage.model()))
        .isEqualTo(ExitCode.USAGE.code());
    assertThat(stage.err()).contains("has other tokens: ", "same family");
    assertThat(generate("q", "--draft-model", "none")).isEqualTo(ExitCode.NOT_FOUND.code());
    assertThat(generate("q", "--speculate", "--engine=libtorch")).isEqualTo(ExitCode.USAGE.code());
    assertThat(stage.err()).contains("tokens are guessed ahead by the engine in Java");
  }

  private static TinyModels.Shape shape(Family family, int width, int layers) {
    return new TinyModels.Shape(
        family, width, layers, 2, 1, width, TinyModels.BYTE_VOCABULARY, true, DType.F32);
  }

  @Test
  void whatAnEngineCannotDoIsRefused() {
    assertThat(generate("hello", "--device", "cpu")).isEqualTo(ExitCode.USAGE.code());
    assertThat(stage.err()).contains("--device is for LibTorch").contains("--engine libtorch");
    assertThat(generate("hello", "--engine", "libtorch", "--weights", "int8"))
        .isEqualTo(ExitCode.USAGE.code());
    assertThat(stage.err()).contains("bf16 or f32, not INT8");
  }

  private static String[] with(String[] arguments, String... more) {
    String[] all = Arrays.copyOf(arguments, arguments.length + more.length);
    System.arraycopy(more, 0, all, arguments.length, more.length);
    return all;
  }

  @Test
  void everyBadRowIsNamedBeforeAnythingIsGenerated() throws IOException {
    Path file =
        stage.write(
            "bad.jsonl", "{\"prompt\": \"fine\"}\n\n{\"prompt\": 1}\nno json\n{\"other\": 1}\n");

    assertThat(generate("--input", file.toString())).isEqualTo(ExitCode.USAGE.code());

    assertThat(stage.out()).isEmpty();
    assertThat(stage.err())
        .startsWith("lathe: 3 rows of '" + file + "' cannot be used")
        .contains("line 3: 'prompt' must be", "line 4: not JSON", "line 5: exactly one of");
  }

  @Test
  void rawTakesNoConversationsAndNamesThemAll() throws IOException {
    String talk = "{\"messages\": [{\"role\": \"user\", \"content\": \"q\"}]}\n";
    Path file = stage.write("talk.jsonl", talk + "{\"prompt\": \"p\"}\n" + talk);

    assertThat(generate("--raw", "--input", file.toString())).isEqualTo(ExitCode.USAGE.code());
    assertThat(stage.err()).contains("--raw takes plain prompts: 1, 3");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          q --input x.jsonl | 2 | a prompt and --input are given
          --input none.jsonl | 3 | there is no file 'none.jsonl'
          q --raw --system s | 2 | a raw prompt has no system message
          q --min-p 2 | 2 | min_p
          q --temperature -1 | 2 | temperature
          q --top-p 2 | 2 | top_p
          q --format xml | 2 | xml
          q --context 1 | 2 | --context 1 is less than 2
          q --threads 0 | 2 | threads
          q --adapter none | 3 | there is no adapter directory 'none'
          q --output /none/x | 5 | '/none/x' cannot be written
          q --lenght 3 | 2 | there is no option '--lenght'
          q r | 2 | 'r' is one argument too many
          """)
  void whatCannotBeUsedIsSaidInOneLineWithItsExitCode(String arguments, int code, String message) {
    assertThat(generate(arguments.split(" "))).isEqualTo(code);

    assertThat(stage.out()).isEmpty();
    assertThat(stage.err()).startsWith("lathe: ").contains(message).doesNotContain("\tat ");
    assertThat(stage.err().lines().count()).isLessThanOrEqualTo(2);
  }

  @Test
  void anEmptyPromptBytesThatAreNoTextAndAModelThatIsNotThereAreRefused() {
    assertThat(generate()).isEqualTo(ExitCode.USAGE.code());
    assertThat(stage.err()).contains("the prompt is empty");
    assertThat(generate(new byte[] {(byte) 0xE9, 'a'})).isEqualTo(ExitCode.USAGE.code());
    assertThat(stage.err()).contains("standard input is not UTF-8");
    assertThat(stage.run("generate", "no-such-model", "q")).isEqualTo(ExitCode.NOT_FOUND.code());
    assertThat(stage.err()).contains("no-such-model");
  }

  @Test
  void aPromptLongerThanTheContextIsRefusedWithTheNumbers() {
    assertThat(generate("x".repeat(600))).isEqualTo(ExitCode.CAPACITY.code());
    assertThat(stage.err()).contains("tokens").contains("512");
  }
}
