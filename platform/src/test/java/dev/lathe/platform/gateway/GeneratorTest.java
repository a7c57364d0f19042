package dev.lathe.platform.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.StrictJson;
import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.adapter.AdapterFiles;
import dev.lathe.compute.adapter.AdapterSpec;
import dev.lathe.compute.engine.AdapterVersion;
import dev.lathe.compute.engine.EngineSettings;
import dev.lathe.compute.engine.JavaEngine;
import dev.lathe.compute.engine.Logprobs;
import dev.lathe.compute.engine.RandomAdapters;
import dev.lathe.compute.engine.Sampling;
import dev.lathe.compute.engine.Speculation;
import dev.lathe.compute.engine.Terms;
import dev.lathe.compute.grammar.Grammar;
import dev.lathe.compute.kernel.Storage;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.model.TinyModels;
import dev.lathe.compute.text.ChatTemplate;
import dev.lathe.compute.text.Conversation;
import dev.lathe.compute.text.Message;
import dev.lathe.compute.text.Tokenizer;
import dev.lathe.compute.tool.CallForm;
import dev.lathe.compute.tool.Tool;
import dev.lathe.compute.tool.ToolChoice;
import dev.lathe.platform.gateway.Reply.Ending;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GeneratorTest {
  private static final EngineSettings SETTINGS =
      EngineSettings.of(Storage.F32).withMaxStreams(4).withKvTokens(512).withThreads(1);
  private static final AdapterSpec SPEC =
      new AdapterSpec(4, 2, 0, false, Set.of(Projection.Q, Projection.V));

  @TempDir private Path folder;
  private Path model;
  private Generator generator;

  @BeforeEach
  void openTinyModel() {
    model = TinyModels.llama(folder.resolve("tiny"), 7);
    generator = Generator.open(model, SETTINGS);
  }

  @AfterEach
  void close() {
    generator.close();
  }

  private static Ask ask(
      Prompt prompt, @Nullable AdapterVersion adapter, int maxTokens, String... stops) {
    return new Ask(
        prompt, adapter == null ? null : adapter.id(), Sampling.GREEDY, maxTokens, List.of(stops));
  }

  private static Prompt chat(String text) {
    return new Prompt.Chat(Conversation.of(Message.user(text)));
  }

  private Reply reply(Ask ask) throws InterruptedException {
    try (ReplyStream stream = generator.ask(ask)) {
      return stream.readAll();
    }
  }

  @Test
  void theTimesOfTokensAreTheEnginesAlsoForAReaderWhoComesLate() throws InterruptedException {
    List<Long> waits = new ArrayList<>();
    long before = generator.status().ended();
    long began = System.nanoTime();
    AnswerStream answer =
        generator.answer(
            ask(chat("hello"), null, 20),
            AnswerStream.Reading.WHOLE,
            (number, nanos) -> waits.add(nanos));
    while (generator.status().ended() == before) {
      Thread.sleep(1);
    }
    long ended = System.nanoTime();
    while (answer.next().isPresent()) {
      // the times are told meanwhile
    }

    assertThat(waits).hasSize(20).allMatch(nanos -> nanos >= 0);
    assertThat(waits.stream().mapToLong(Long::longValue).sum()).isBetween(1L, ended - began);
    answer.close();
  }

  @Test
  void batchGivesTheSameRepliesInOrderAsOneByOne() throws InterruptedException {
    List<Ask> asks = new ArrayList<>();
    List<Reply> single = new ArrayList<>();
    for (int i = 0; i < 9; i++) {
      asks.add(ask(chat("question " + i), null, 3 + i));
      single.add(reply(asks.getLast()));
    }
    List<Integer> told = new ArrayList<>();

    List<Reply> replies = generator.askAll(asks, (index, _) -> told.add(index));

    assertThat(replies)
        .extracting(Reply::text)
        .isEqualTo(single.stream().map(Reply::text).toList());
    assertThat(told).containsExactly(0, 1, 2, 3, 4, 5, 6, 7, 8);
  }

  @Test
  void aContextLongerThanTheModelsTakesNoMoreMemoryThanTheModels() throws InterruptedException {
    EngineSettings large = SETTINGS.withKvTokens(3 * 500_000_000);
    try (Generator fitted = Generator.open(model, large, 500_000_000, new Speculation.LookUp())) {
      assertThat(fitted.context()).isEqualTo(512);
      assertThat(fitted.status().pages() * fitted.status().pageTokens()).isEqualTo(3 * 512);
    }
  }

  @Test
  void limitOfTokensEndsTheReply() throws InterruptedException {
    Reply reply = reply(ask(new Prompt.Raw("abc"), null, 5));

    assertThat(reply.ending()).isEqualTo(Ending.LENGTH);
    assertThat(reply.outputTokens()).isEqualTo(5);
    assertThat(reply.promptTokens()).isEqualTo(3);
  }

  @Test
  void stopTextsAreLookedForBehindTheLeastTokens() throws InterruptedException {
    String whole = reply(ask(new Prompt.Raw("abc"), null, 40)).text();
    String stop = whole.substring(0, whole.offsetByCodePoints(0, 1));
    Ask early = ask(new Prompt.Raw("abc"), null, 40, stop);
    assertThat(reply(early).text()).isEmpty();

    for (int least : new int[] {1, 7, 40}) {
      Until until = new Until(40, least, List.of(stop), Set.of(), true);
      Reply reply =
          reply(
              new Ask(
                  early.prompt(), null, early.sampling(), until, null, Logprobs.NONE, Terms.PLAIN));

      assertThat(reply.outputTokens()).isBetween(least, 40);
      assertThat(whole).startsWith(reply.text());
      int behind = reply.text().length();
      assertThat(whole.indexOf(stop, behind)).isIn(-1, behind);
    }
  }

  @Test
  void stopTextEndsTheReplyBeforeIt() throws InterruptedException {
    String whole = reply(ask(new Prompt.Raw("abc"), null, 40)).text();
    String stop = whole.substring(whole.offsetByCodePoints(0, 4), whole.offsetByCodePoints(0, 7));

    Reply reply = reply(ask(new Prompt.Raw("abc"), null, 40, stop));

    assertThat(reply.text()).isEqualTo(whole.substring(0, whole.indexOf(stop)));
    assertThat(reply.ending()).isEqualTo(Ending.STOP);
  }

  @Test
  void aReplyIsHeldToAGrammar() throws InterruptedException {
    List<String> choices = List.of("left", "leftmost", "right");
    Ask ask = ask(chat("which?"), null, 100);

    Reply chosen = reply(ask.withConstraint(generator.constraint(Grammar.choice(choices))));
    Reply matched = reply(ask.withConstraint(generator.constraint(Grammar.regex("[0-9]{7}x"))));
    Reply cut = reply(ask.withConstraint(generator.constraint(Grammar.regex("a{200}"))));

    assertThat(choices).contains(chosen.text());
    assertThat(chosen.ending()).isEqualTo(Ending.STOP);
    assertThat(matched.text()).matches("[0-9]{7}x");
    assertThat(cut.text()).matches("a{100}");
    assertThat(cut.ending()).isEqualTo(Ending.LENGTH);
  }

  @Test
  void aRequiredCallIsWrittenAndReadInTheFormOfTheModel() throws InterruptedException {
    JsonNode offered =
        StrictJson.value(
            "tools",
            """
            [{"type": "function", "function": {"name": "go", "parameters": {"type": "object",
              "properties": {"to": {"enum": ["left", "right"]}}, "required": ["to"]}}}]
            """
                .getBytes(StandardCharsets.UTF_8));
    List<Tool> tools = Tool.list(offered);
    CallForm form = generator.callForm();
    Grammar grammar = form.grammar(tools, new ToolChoice.Required(), false).orElseThrow();
    Ask ask = ask(chat("where?"), null, 300);

    Reply reply = reply(ask.withConstraint(generator.constraint(grammar)));

    assertThat(reply.ending()).isEqualTo(Ending.STOP);
    assertThat(form.parser().parse(reply.text()).calls())
        .singleElement()
        .satisfies(call -> {
          assertThat(call.name()).isEqualTo("go");
          assertThat(call.argumentsJson().replaceAll("\\s", ""))
              .isIn("{\"to\":\"left\"}", "{\"to\":\"right\"}");
        });
  }

  @Test
  void repliesHeldToOneGrammarDoNotDisturbEachOther() throws InterruptedException {
    var constraint = generator.constraint(Grammar.ebnf("root ::= (\"(\" root \")\"){0,2} [a-z]"));
    List<Ask> asks = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      Sampling lively = new Sampling(3, 0, 1, 0, 1, i);
      Ask ask = new Ask(chat("question " + i), null, lively, 60, List.of());
      asks.add(ask.withConstraint(constraint));
    }

    List<Reply> replies = generator.askAll(asks, (_, _) -> {});

    for (int i = 0; i < asks.size(); i++) {
      assertThat(replies.get(i).text()).isEqualTo(reply(asks.get(i)).text());
      assertThat(replies.get(i).text()).matches("[()a-z]+");
    }
  }

  @Test
  void piecesJoinedAreTheText() throws InterruptedException {
    StringBuilder pieces = new StringBuilder();
    try (ReplyStream stream = generator.ask(ask(chat("hello"), null, 20))) {
      for (var piece = stream.next(); piece.isPresent(); piece = stream.next()) {
        assertThat(piece.get().text()).isNotEmpty();
        pieces.append(piece.get().text());
      }

      assertThat(stream.reply().text()).isEqualTo(pieces.toString());
    }
  }

  @Test
  void closingEarlyLeavesACancelledReply() throws InterruptedException {
    try (ReplyStream stream = generator.ask(ask(new Prompt.Raw("abc"), null, 400))) {
      stream.next();

      assertThat(stream.reply().ending()).isEqualTo(Ending.CANCELLED);
      assertThat(stream.next()).isEmpty();
    }
  }

  @Test
  void promptsThatDoNotFitAreNamedBeforeAnythingIsGenerated() {
    List<Ask> asks =
        List.of(ask(chat("fine"), null, 4), ask(new Prompt.Raw("x".repeat(600)), null, 4));

    assertThatThrownBy(() ->
            generator.askAll(
                asks,
                (index, _) -> {
                  throw new AssertionError("reply " + index);
                }))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("prompt 2 has 600 tokens");
  }

  @Test
  void modelWithoutChatTemplateTakesRawPromptsOnly() throws Exception {
    Files.delete(model.resolve("chat_template.jinja"));
    generator.close();
    generator = Generator.open(model, SETTINGS);

    assertThat(reply(ask(new Prompt.Raw("abc"), null, 3)).outputTokens()).isPositive();
    assertThatThrownBy(() -> generator.ask(ask(chat("hello"), null, 3)))
        .isInstanceOf(LatheException.class);
  }

  @Test
  void adapterFromElsewhereLoadsWithANoteAndChangesTheReply() throws InterruptedException {
    Path directory = adapter();

    Generator.Loaded loaded = generator.load(directory);

    assertThat(loaded.note()).hasValueSatisfying(note -> assertThat(note).contains("lathe.json"));
    assertThat(reply(ask(chat("hello"), loaded.adapter(), 20)).text())
        .isNotEqualTo(reply(ask(chat("hello"), null, 20)).text());
  }

  @Test
  void adapterOfOursLoadsWhenItsProbesAreReproduced() throws IOException {
    Path directory = adapter();
    record(directory, 0);

    assertThat(generator.load(directory).note()).isEmpty();
  }

  @Test
  void whatAllLogitsAreOffAlikeChangesNoProbability() throws IOException {
    Path directory = adapter();
    record(directory, 0, 0.7);

    assertThat(generator.load(directory).note()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({"F32, 0.005, 0.02", "BF16, 0.3, 0.8", "INT8, 0.8, 1.6", "INT4, 1.6, 3.2"})
  void adapterWhoseProbesAreNotReproducedIsRefused(Storage storage, double reproduced, double apart)
      throws IOException {
    Path directory = adapter();
    record(directory, reproduced);
    generator.close();
    generator = Generator.open(model, EngineSettings.of(storage).withKvTokens(512).withThreads(1));

    assertThat(generator.load(directory).note()).isEmpty();
    record(directory, apart);
    assertThatThrownBy(() -> generator.load(directory))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("does not answer as it was trained to")
        .hasMessageContaining("probe prompt 1");
  }

  @Test
  void adapterOfAnotherBaseTokenizerOrTemplateIsRefusedByName() throws IOException {
    for (String key : List.of("base", "tokenizer", "template")) {
      Path directory = adapter();
      ObjectNode record = record(directory, 0);
      record.put(key, "0".repeat(64));
      Files.writeString(directory.resolve("lathe.json"), record.toString());

      assertThatThrownBy(() -> generator.load(directory))
          .isInstanceOf(LatheException.class)
          .hasMessageContaining("differs in")
          .hasMessageContaining(key.equals("base") ? "base model" : key);
    }
  }

  @Test
  void factorsThatTrainingDidNotGiveAreRefusedHoweverLittleTheyDiffer() throws IOException {
    Path directory = adapter();
    ObjectNode record = record(directory, 0);
    try (Checkpoint checkpoint = Checkpoint.open(model)) {
      Adapter trained = AdapterFiles.read(directory, checkpoint.config());
      record.put("factors", trained.sha256());
      Files.writeString(directory.resolve("lathe.json"), record.toString());
      assertThat(generator.load(directory).note()).isEmpty();

      trained.factors().getFirst().b()[0] += 1e-6f;
      AdapterFiles.write(directory, trained, SPEC, "tiny");
    }

    assertThatThrownBy(() -> generator.load(directory))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("was changed after its training: factors (sha-256 ");
  }

  @Test
  void damagedRecordIsRefused() throws IOException {
    Path directory = adapter();
    Files.writeString(directory.resolve("lathe.json"), "{\"format\": 1, ");

    assertThatThrownBy(() -> generator.load(directory))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("lathe.json' is not the JSON that was expected in line 1");
  }

  @Test
  void missingAdapterIsNotFound() {
    assertThatThrownBy(() -> generator.load(folder.resolve("nowhere")))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("there is no adapter directory");
  }

  private Path adapter() {
    Path directory = folder.resolve("adapter");
    try (Checkpoint checkpoint = Checkpoint.open(model)) {
      Adapter adapter = RandomAdapters.of(checkpoint.config(), "a", 4, SPEC.targets(), 3);
      AdapterFiles.write(directory, adapter, SPEC, "tiny");
    }
    return directory;
  }

  /// Writes `lathe.json` with the true logits of one probe, each moved by `shift`.
  private ObjectNode record(Path directory, double shift) throws IOException {
    return record(directory, shift, 0);
  }

  /// @param shift of the first logit
  /// @param common what is added to all
  private ObjectNode record(Path directory, double shift, double common) throws IOException {
    try (Checkpoint checkpoint = Checkpoint.open(model);
        Tokenizer tokenizer = Tokenizer.open(checkpoint);
        JavaEngine engine = JavaEngine.open(checkpoint, SETTINGS)) {
      int[] tokens = {1, 2, 3};
      AdapterVersion version =
          engine.adapters().add(AdapterFiles.read(directory, checkpoint.config()));
      float[] logits = engine.logits(tokens, version.id());
      ObjectNode json = new ObjectMapper().createObjectNode();
      json.put("format", 1).put("base", checkpoint.sha256()).put("tokenizer", tokenizer.sha256());
      json.put("template", ChatTemplate.of(checkpoint).sha256());
      json.put("base_model_name_or_path", "tiny");
      ObjectNode probe = json.putObject("probe");
      probe.putObject("tolerance").put("absolute", 0.01).put("top1_margin", 0.02);
      ObjectNode prompt = probe.putArray("prompts").addObject();
      prompt.putArray("tokens").add(1).add(2).add(3);
      ArrayNode likeliest = prompt.putArray("logits");
      for (int id = 5; id < 9; id++) {
        likeliest.addArray().add(id).add(logits[id] + common + (id == 5 ? shift : 0));
      }
      Files.writeString(directory.resolve("lathe.json"), json.toString());
      return json;
    }
  }
}
