package dev.lathe.platform.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.lathe.compute.LatheException;
import dev.lathe.platform.dataset.Turn.Role;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.ValueSource;

final class DatasetsTest {
  @TempDir Path directory;

  private Path file(String name, String content) throws IOException {
    return Files.write(directory.resolve(name), content.getBytes(StandardCharsets.UTF_8));
  }

  private DatasetVersion read(String name) {
    return new Datasets(directory, 7).load(List.of(name), null);
  }

  /// With every row, or not at all.
  private DatasetVersion load(String name) {
    DatasetVersion data = read(name);
    if (!data.skipped().isEmpty()) {
      throw BadRow.refusal(data.skipped());
    }
    return data;
  }

  @Test
  void alpacaJoinsInstructionAndInputByALineFeed() throws IOException {
    file(
        "a.json",
        """
        [{"instruction": "Add", "input": "1 and 2", "output": "3"},
         {"instruction": "Say hi", "input": "", "output": "hi"}]
        """);

    DatasetVersion data = load("a.json");

    assertThat(data.rows())
        .extracting(Row::source)
        .containsExactly(new RowSource("a.json", 1, 1), new RowSource("a.json", 2, 2));
    assertThat(data.rows().get(0).turns())
        .containsExactly(Turn.of(Role.USER, "Add\n1 and 2"), Turn.of(Role.ASSISTANT, "3"));
    assertThat(data.rows().get(1).turns().getFirst()).isEqualTo(Turn.of(Role.USER, "Say hi"));
  }

  @Test
  void alpacaTakesSystemAndHistory() throws IOException {
    file(
        "a.jsonl",
        """
        {"instruction":"c","output":"d","system":"s","history":[["a","b"]]}
        """);

    assertThat(load("a.jsonl").rows().getFirst().turns())
        .containsExactly(
            Turn.of(Role.SYSTEM, "s"),
            Turn.of(Role.USER, "a"),
            Turn.of(Role.ASSISTANT, "b"),
            Turn.of(Role.USER, "c"),
            Turn.of(Role.ASSISTANT, "d"));
  }

  @Test
  void sharegptMapsRolesToolsAndCalls() throws IOException {
    file(
        "s.json",
        """
        [{"conversations":[{"from":"system","value":"be brief"},{"from":"human","value":"weather?"},
          {"from":"function_call","value":"{\\"name\\":\\"w\\",\\"arguments\\":{\\"b\\":1,\\"a\\":2}}"},
          {"from":"observation","value":"sun"},{"from":"gpt","value":"Sunny."}],
          "tools":"[{\\"name\\":\\"w\\"}]"}]
        """);

    Row row = load("s.json").rows().getFirst();

    assertThat(row.tools()).containsExactly("{\"name\":\"w\"}");
    assertThat(row.turns())
        .containsExactly(
            Turn.of(Role.SYSTEM, "be brief"),
            Turn.of(Role.USER, "weather?"),
            new Turn(Role.ASSISTANT, "", List.of(new Turn.Call("w", "{\"b\":1,\"a\":2}"))),
            Turn.of(Role.TOOL, "sun"),
            Turn.of(Role.ASSISTANT, "Sunny."));
  }

  @Test
  void openaiKeepsTextBesideCallsAndSeveralToolAnswers() throws IOException {
    file(
        "o.jsonl",
        """
        {"messages":[{"role":"user","content":"two?"},\
        {"role":"assistant","content":"Let me see.","tool_calls":[{"type":"function","function":{"name":"f","arguments":"{\\"x\\": 1}"}},{"function":{"name":"g","arguments":{}}}]},\
        {"role":"tool","content":"1"},{"role":"tool","content":"2"},\
        {"role":"assistant","content":[{"type":"text","text":"Both "},{"type":"text","text":"done."}]}]}
        """);

    assertThat(load("o.jsonl").rows().getFirst().turns())
        .containsExactly(
            Turn.of(Role.USER, "two?"),
            new Turn(
                Role.ASSISTANT,
                "Let me see.",
                List.of(new Turn.Call("f", "{\"x\":1}"), new Turn.Call("g", "{}"))),
            Turn.of(Role.TOOL, "1"),
            Turn.of(Role.TOOL, "2"),
            Turn.of(Role.ASSISTANT, "Both done."));
  }

  @Test
  void byteOrderMarkCarriageReturnsAndBlankLinesAreNoRows() throws IOException {
    file(
        "a.jsonl",
        "\uFEFF{\"instruction\":\"q\",\"output\":\"a\"}\r\n\r\n{\"instruction\":\"r\",\"output\":\"b\"}");
    file("b.json", "\uFEFF [\r\n{\"instruction\":\"q\",\"output\":\"a\"}]\r\n");

    assertThat(load("a.jsonl").rows()).hasSize(2);
    assertThat(load("b.json").rows()).hasSize(1);
  }

  @ParameterizedTest
  @FieldSource("dev.lathe.platform.dataset.RowReader#EXTENSIONS")
  void everyTypeOfFileIsReadInSmallAndInCapitals(String extension) throws IOException {
    String row = "{\"instruction\":\"q\",\"output\":\"a\"}";
    file("a." + extension, row + "\n" + row);
    file("B." + extension.toUpperCase(java.util.Locale.ROOT), row);

    assertThat(load("a." + extension).rows()).hasSize(2);
    assertThat(load("B." + extension.toUpperCase(java.util.Locale.ROOT)).rows()).hasSize(1);
  }

  @Test
  void allBadRowsAreNamedAtOnceWithFileLineAndReason() throws IOException {
    file(
        "bad.jsonl",
        """
        {"instruction":"q","output":"a"}
        {"instruction":"q"
        [1]
        {"instruction":"","output":"a"}

        {"instruction":"q","output":null}
        {"instruction":"q","instruction":"r","output":"a"}
        {"instruction":["q"],"output":"a"}
        {"instruction":"q","output":"a"} {}
        """);

    assertThatThrownBy(() -> load("bad.jsonl"))
        .isInstanceOf(LatheException.class)
        .hasMessageContainingAll(
            "7 bad rows",
            "bad.jsonl line 2: no JSON object",
            "bad.jsonl line 3: the line holds a JSON value that is no object",
            "line 4: neither 'instruction' nor 'input' holds text",
            "line 6 (row 5): no answer in 'output'",
            "line 7 (row 6): no JSON object: Duplicate",
            "line 8 (row 7): 'instruction' is a list, not a text: [\"q\"]",
            "line 9 (row 8): no JSON object: something follows",
            "--on-bad-row skip");
  }

  @Test
  void badRowsOfAnArrayAreNamedAndTheOthersRead() throws IOException {
    file(
        "bad.json",
        """
        [
          {"instruction":"q","output":"a"},
          7,
          {"instruction":"q","output":"a","output":"b"},
          {"instruction":"r","output":"b"}
        ]
        """);

    assertThatThrownBy(() -> load("bad.json"))
        .hasMessageContainingAll(
            "2 bad rows",
            "bad.json line 3 (row 2): the element is no JSON object",
            "bad.json line 4 (row 3): the key 'output' stands twice");
    DatasetVersion rest = read("bad.json");
    assertThat(rest.rows())
        .extracting(Row::source)
        .containsExactly(new RowSource("bad.json", 2, 1), new RowSource("bad.json", 5, 4));
    assertThat(rest.skipped()).extracting(bad -> bad.source().line()).containsExactly(3L, 4L);
  }

  @Test
  void aDamagedArrayIsRefusedEvenWhenBadRowsAreSkipped() throws IOException {
    file("cut.json", "[{\"instruction\":\"q\",\"output\":\"a\"},\n{\"instruction\":");

    assertThatThrownBy(() -> read("cut.json"))
        .hasMessageContaining("cut.json' line 2")
        .hasMessageContaining("the rows after it cannot be read");
  }

  @Test
  void invalidUtf8IsRefusedWithItsLine() throws IOException {
    byte[] line =
        "{\"instruction\":\"q\",\"output\":\"\u00e9\"}\n".getBytes(StandardCharsets.UTF_8);
    byte[] latin =
        "{\"instruction\":\"q\",\"output\":\"\u00e9\"}".getBytes(StandardCharsets.ISO_8859_1);
    byte[] both = new byte[line.length + latin.length];
    System.arraycopy(line, 0, both, 0, line.length);
    System.arraycopy(latin, 0, both, line.length, latin.length);
    Files.write(directory.resolve("u.jsonl"), both);
    byte[] array =
        ("[\n" + new String(latin, StandardCharsets.ISO_8859_1) + "]")
            .getBytes(StandardCharsets.ISO_8859_1);
    Files.write(directory.resolve("u.json"), array);

    assertThatThrownBy(() -> load("u.jsonl")).hasMessageContaining("line 2: not valid UTF-8");
    assertThatThrownBy(() -> load("u.json")).hasMessageContaining("line 2 is not valid UTF-8");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          {"instruction":"q","output":"a","images":["x.png"]} | 'images' holds images, not supported yet
          {"instruction":"q","chosen":"a","rejected":"b"} | a chosen and a rejected answer
          {"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"kto_tag":true} | kto label
          {"messages":[{"role":"user","content":[{"type":"image_url"}]},{"role":"assistant","content":"a"}]} | only text parts are supported
          {"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a","weight":0}]} | weighed by 'weight'
          {"messages":[{"role":"user","content":"q"},{"role":"user","content":"q"}]} | turn 2 is a user's or tool's
          {"messages":[{"role":"assistant","content":"q"}]} | turn 1 is an assistant's
          {"messages":[{"role":"user","content":"q"}]} | does not end with an assistant's turn
          {"messages":[{"role":"system","content":"q"}]} | does not end with an assistant's turn
          {"messages":[{"role":"user","content":"q"},{"role":"system","content":"a"}]} | only the first may be one
          {"messages":[{"role":"bot","content":"q"}]} | has the role 'bot', none of 'system', 'user'
          {"messages":[{"content":"q"}]} | message 1 has no 'from'
          {"messages":[{"role":"user"}]} | message 1 has no content
          {"messages":[]} | is no list of messages
          {"messages":[{"role":"user","content":"q"},{"role":"function_call","content":"{}"}]} | lacks 'name' or 'arguments'
          {"messages":[{"role":"user","content":"q"},{"role":"function_call","content":"no"}]} | is no JSON
          {"instruction":"q","output":"a","tools":"[1]"} | no object
          {"instruction":"q","output":"a","tools":"{"} | is no JSON
          {"instruction":"q","output":"a","history":[["a"]]} | no pair of texts
          """)
  void unsupportedAndBrokenRowsAreRefusedByName(String row, String reason) throws IOException {
    file("r.jsonl", row + "\n");

    assertThatThrownBy(() -> load("r.jsonl"))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("r.jsonl line 1")
        .hasMessageContaining(reason);
  }

  @Test
  void rowsWithUnknownKeysSayWhichKeysAreUnderstood() throws IOException {
    file("k.jsonl", "{\"question\":\"q\",\"answer\":\"a\"}\n");

    assertThatThrownBy(() -> load("k.jsonl"))
        .hasMessageContaining("question, answer")
        .hasMessageContaining("dataset_info.json");
  }

  @Test
  void columnsNotNamedInDatasetInfoAreAbsent() throws IOException {
    file(
        "rows.jsonl", "{\"question\":\"q\",\"input\":\"never\",\"output\":\"o\",\"text\":\"a\"}\n");
    file(
        "dataset_info.json",
        """
        {"named": {"file_name": "rows.jsonl", "columns": {"prompt": "question", "response": "text"}},
         "answerless": {"file_name": "rows.jsonl", "columns": {"prompt": "question"}}}
        """);

    DatasetVersion data = load("named");

    assertThat(data.rows().getFirst().turns())
        .containsExactly(Turn.of(Role.USER, "q"), Turn.of(Role.ASSISTANT, "a"));
    assertThat(data.unusedColumns()).containsExactly("input", "output");
    assertThatThrownBy(() -> load("answerless")).hasMessageContaining("no column for the answer");
  }

  @Test
  void tagsNotNamedInDatasetInfoAreAbsent() throws IOException {
    file(
        "rows.json",
        """
        [{"chat":[{"who":"me","text":"q"},{"who":"you","text":"a"}]},
         {"chat":[{"who":"system","text":"s"},{"who":"me","text":"q"},{"who":"you","text":"a"}]}]
        """);
    file(
        "dataset_info.json",
        """
        {"chat": {"file_name": "rows.json", "formatting": "sharegpt", "columns": {"messages": "chat"},
          "tags": {"role_tag": "who", "content_tag": "text", "user_tag": "me", "assistant_tag": "you"}}}
        """);

    assertThat(read("chat").rows()).hasSize(1);
    assertThatThrownBy(() -> load("chat"))
        .hasMessageContaining("has the role 'system', none of 'me', 'you'");
  }

  @Test
  void datasetInfoRefusesWhatItCannotDoByName() throws IOException {
    file(
        "dataset_info.json",
        """
        {"hub": {"hf_hub_url": "some/where"}, "typo": {"file_nam": "x"}, "form": {"file_name": "x.json",
         "formatting": "parquet", "columns": {"promt": "p"}}, "split": {"file_name": "x.json", "split": "test"}}
        """);
    file("x.json", "[]");

    assertThatThrownBy(() -> load("hub")).hasMessageContaining("hf_hub_url is not supported");
    assertThatThrownBy(() -> load("typo"))
        .hasMessageContainingAll("key 'file_nam'", "file_name is missing");
    assertThatThrownBy(() -> load("form"))
        .hasMessageContainingAll("formatting 'parquet'", "column 'promt'");
    assertThatThrownBy(() -> load("split")).hasMessageContaining("split 'test'");
    assertThatThrownBy(() -> load("none"))
        .hasMessageContainingAll("no data set 'none'", "form, hub");
  }

  @Test
  void theListLayoutOfSwiftIsRecognised() throws IOException {
    file("dataset_info.json", "[{\"dataset_path\": \"x.jsonl\"}]");

    assertThatThrownBy(() -> load("x")).hasMessageContaining("ms-swift");
  }

  @ParameterizedTest
  @ValueSource(strings = {"rows.csv", "rows.parquet", "rows.txt"})
  void otherFileTypesAreRefusedByName(String name) throws IOException {
    file(name, "x");
    file("dataset_info.json", "{\"d\": {\"file_name\": \"" + name + "\"}}");

    assertThatThrownBy(() -> load("d"))
        .hasMessageContaining("of type '" + name.substring(5) + "'; read are json, jsonl, ndjson");
  }

  @Test
  void deepNestingIsABadRowNotAStackOverflow() throws IOException {
    file("deep.jsonl", "{\"instruction\":" + "[".repeat(5000) + "]".repeat(5000) + "}\n");

    assertThatThrownBy(() -> load("deep.jsonl"))
        .hasMessageContaining("deep.jsonl line 1: no JSON object: Document nesting depth (65)");
  }

  @Test
  void severalDataSetsFollowEachOtherAndEachIsCutToMaxSamples() throws IOException {
    file(
        "a.jsonl",
        "{\"instruction\":\"a1\",\"output\":\"x\"}\n{\"instruction\":\"a2\",\"output\":\"x\"}\n{broken");
    file(
        "b.jsonl",
        "{\"instruction\":\"b1\",\"output\":\"x\"}\n{\"instruction\":\"b2\",\"output\":\"x\"}\n");

    DatasetVersion data = new Datasets(directory, 7).load(List.of("a.jsonl", "b.jsonl"), 2);

    assertThat(data.name()).isEqualTo("a.jsonl,b.jsonl");
    assertThat(data.rows())
        .extracting(row -> row.turns().getFirst().content())
        .containsExactly("a1", "a2", "b1", "b2");
  }

  @Test
  void numSamplesDrawsBySeedAndRepeatsOnlyWhenRowsRunOut() throws IOException {
    file(
        "a.jsonl",
        "{\"instruction\":\"1\",\"output\":\"x\"}\n{\"instruction\":\"2\",\"output\":\"x\"}\n{\"instruction\":\"3\",\"output\":\"x\"}\n");
    file(
        "dataset_info.json",
        "{\"two\":{\"file_name\":\"a.jsonl\",\"num_samples\":2},\"five\":{\"file_name\":\"a.jsonl\",\"num_samples\":5}}");

    assertThat(load("two").rows()).hasSize(2).doesNotHaveDuplicates().isEqualTo(load("two").rows());
    assertThat(load("five").rows()).hasSize(5);
    assertThat(load("five").rows().subList(0, 3)).doesNotHaveDuplicates();
  }

  @Test
  void theHashDependsOnContentAndOrderNotOnTheFileFormat() throws IOException {
    file(
        "a.jsonl",
        "{\"instruction\":\"q\",\"output\":\"a\"}\n{\"instruction\":\"r\",\"output\":\"b\"}\n");
    file(
        "same.json",
        "[{\"output\":\"a\",\"input\":\"\",\"instruction\":\"q\"},{\"instruction\":\"r\",\"output\":\"b\"}]");
    file(
        "swapped.jsonl",
        "{\"instruction\":\"r\",\"output\":\"b\"}\n{\"instruction\":\"q\",\"output\":\"a\"}\n");

    String hash = load("a.jsonl").sha256();

    assertThat(hash).matches("[0-9a-f]{64}").isEqualTo(load("same.json").sha256());
    assertThat(hash).isNotEqualTo(load("swapped.jsonl").sha256());
  }

  @Test
  void theDataSetsOfLlamaFactoryLoad() {
    Path shared = Path.of(System.getProperty("lathe.root")).resolve("../shared/data/llamafactory");
    assumeThat(Files.isDirectory(shared)).as("LLaMA-Factory's demo data is not here").isTrue();
    Datasets datasets = new Datasets(shared, 7);

    for (String name :
        List.of(
            "identity",
            "alpaca_en_demo",
            "alpaca_zh_demo",
            "glaive_toolcall_en_demo",
            "glaive_toolcall_zh_demo")) {
      assertThat(datasets.load(List.of(name), null).rows()).as(name).hasSizeGreaterThan(50);
    }
    for (String name : List.of("mllm_demo", "dpo_en_demo", "kto_en_demo", "c4_demo", "wiki_demo")) {
      assertThatThrownBy(() -> datasets.load(List.of(name), null))
          .as(name)
          .isInstanceOf(LatheException.class);
    }
  }
}
