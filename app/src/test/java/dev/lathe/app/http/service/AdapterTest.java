package dev.lathe.app.http.service;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.app.http.Wire;
import dev.lathe.app.http.service.RunningService.Answer;
import dev.lathe.compute.StrictJson;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.compute.model.TinyModels;
import dev.lathe.compute.text.ChatTemplate;
import dev.lathe.platform.access.Operation;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AdapterTest {
  private static final String ADAPTERS = "/v1/adapters";
  private static final String CHAT = "/v1/chat/completions";

  @TempDir private Path folder;
  @TempDir private Path outside;
  private Path model = Path.of("");
  private RunningService service;

  @BeforeEach
  void start() {
    model = TinyModels.llama(folder.resolve("tiny"), 7);
    RunningService.adapter(model, folder.resolve("first"), 1);
    RunningService.adapter(model, folder.resolve("second"), 2);
    service = RunningService.over(folder, model);
  }

  @AfterEach
  void stop() {
    assertThat(service.defects()).isEmpty();
    service.close();
  }

  private Answer load(String name, String path) {
    return service.post(ADAPTERS, "{'name': '%s', 'path': '%s'}".formatted(name, path));
  }

  @Test
  void oneVersionComesAndGoesUnderTwoNamesAtOnce() throws Exception {
    try (ExecutorService hands = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<?>> both = new ArrayList<>();
      for (String name : List.of("left", "right")) {
        both.add(hands.submit(() -> comeAndGo(name)));
      }
      for (Future<?> each : both) {
        each.get();
      }
    }
    assertThat(service.models().generator().adapters().versions()).isEmpty();
  }

  private void comeAndGo(String name) {
    for (int i = 0; i < 40; i++) {
      Answer loaded = load(name, "first");
      assertThat(loaded.status()).as(loaded.text()).isEqualTo(200);
      assertThat(chat(name, 1).status()).isEqualTo(200);
      assertThat(service.delete(ADAPTERS + "/" + name).status()).isEqualTo(200);
    }
  }

  private static String asking(String name, int tokens) {
    return "{'model': '%s', 'messages': [{'role': 'user', 'content': 'hi'}], 'temperature': 0, 'max_tokens': %d, 'ignore_eos': true}"
        .formatted(name, tokens);
  }

  private Answer chat(String name, int tokens) {
    return service.post(CHAT, asking(name, tokens));
  }

  private String said(String name) {
    return chat(name, 20).json().at("/choices/0/message/content").textValue();
  }

  private JsonNode shown(String name) {
    return service.get(ADAPTERS + "/" + name).json();
  }

  @Test
  void aLoadedAdapterAnswersAndIsListedWithWhatItIs() {
    String base = said("tiny");
    JsonNode loaded = load("bank", "first").json();

    assertThat(said("bank")).isNotEqualTo(base);
    assertThat(loaded.path("sha256").textValue()).matches("[0-9a-f]{64}");
    assertThat(loaded.path("rank").intValue()).isEqualTo(4);
    assertThat(loaded.path("bytes").longValue()).isPositive();
    assertThat(loaded.path("parent").textValue()).isEqualTo("tiny");
    assertThat(loaded.path("note").textValue()).contains("only its shapes were checked");
    assertThat(loaded.path("served").intValue()).isZero();
    assertThat(shown("bank").path("served").intValue()).isEqualTo(1);
    assertThat(service.get(ADAPTERS).json().at("/data/0")).isEqualTo(shown("bank"));
    assertThat(service.get("/v1/models/bank").json().path("parent").textValue()).isEqualTo("tiny");
  }

  @Test
  void equalFactorsAreOneVersionAndOthersAnother() {
    String first = load("a", "first").json().path("sha256").textValue();

    assertThat(load("b", "first").json().path("sha256").textValue()).isEqualTo(first);
    assertThat(load("c", "second").json().path("sha256").textValue()).isNotEqualTo(first);
    assertThat(service.delete(ADAPTERS + "/a").status()).isEqualTo(200);
    assertThat(chat("b", 3).status()).isEqualTo(200);
  }

  @Test
  void anAliasIsTurnedFromOneToAnotherAndHoldsWhatItStandsFor() {
    load("one", "first");
    load("two", "second");
    assertThat(service.post(ADAPTERS + "/one/alias", "{'alias': 'prod'}").status()).isEqualTo(200);
    String first = said("prod");
    assertThat(service.delete(ADAPTERS + "/one").status()).isEqualTo(409);

    service.post(ADAPTERS + "/two/alias", "{'alias': 'prod'}");
    assertThat(said("prod")).isEqualTo(said("two")).isNotEqualTo(first);
    assertThat(shown("two").path("aliases")).hasSize(1);
    assertThat(shown("one").path("aliases")).isEmpty();
    service.post(ADAPTERS + "/tiny/alias", "{'alias': 'prod'}");
    assertThat(said("prod")).isEqualTo(said("tiny"));
    assertThat(service.delete(ADAPTERS + "/prod").json().path("object").textValue())
        .isEqualTo("alias");
    assertThat(chat("prod", 3).status()).isEqualTo(404);
    assertThat(service.post(ADAPTERS + "/one/alias", "{'alias': 'two'}").status()).isEqualTo(409);
    assertThat(service.post(ADAPTERS + "/none/alias", "{'alias': 'x'}").status()).isEqualTo(404);
  }

  @Test
  void pinningIsShownAndTakenBack() {
    service.post(ADAPTERS, "{'name': 'kept', 'path': 'first', 'pinned': true}");
    assertThat(shown("kept").path("pinned").booleanValue()).isTrue();

    service.post(ADAPTERS + "/kept", "{'pinned': false}");
    service.post(ADAPTERS + "/kept", "{'pinned': false}");
    assertThat(shown("kept").path("pinned").booleanValue()).isFalse();
    assertThat(service.post(ADAPTERS + "/none", "{'pinned': true}").status()).isEqualTo(404);
    assertThat(service.post(ADAPTERS + "/kept", "{}").status()).isEqualTo(400);
  }

  @Test
  void anAnswerUnderWayFinishesOnTheVersionItBeganWith() throws IOException {
    load("bank", "first");
    String whole = said("bank");
    String body = asking("bank", 20).replace('\'', '"');
    service.brake().holdAfter(10);
    try (Wire wire = new Wire(service.address())) {
      wire.post(CHAT, body.substring(0, body.length() - 1) + ", \"n\": 16, \"stream\": true}");
      String begun = wire.until("\"content\"");
      assertThat(shown("bank").path("in_flight").intValue()).isEqualTo(1);

      assertThat(service.delete(ADAPTERS + "/bank").status()).isEqualTo(200);
      assertThat(load("bank", "second").status()).isEqualTo(200);
      assertThat(shown("bank").path("in_flight").intValue()).isZero();

      service.brake().release();
      String rest = wire.until("[DONE]");
      assertThat(rest).contains("\"finish_reason\":\"length\"");
      assertThat(texts(begun + rest)).hasSize(16).allMatch(whole::equals);
    }
    assertThat(said("bank")).isNotEqualTo(whole);
  }

  /// The texts that were streamed, by their index.
  private static List<String> texts(String events) {
    Map<Integer, StringBuilder> texts = new TreeMap<>();
    String joined = events.replaceAll("\r\n[0-9a-fA-F]+\r\n", "");
    for (String line : joined.lines().filter(each -> each.startsWith("data: {")).toList()) {
      JsonNode choice =
          StrictJson.value("an event", line.substring("data: ".length()).getBytes(UTF_8))
              .at("/choices/0");
      texts
          .computeIfAbsent(choice.path("index").intValue(), _ -> new StringBuilder())
          .append(choice.at("/delta/content").asText(""));
    }
    return texts.values().stream().map(StringBuilder::toString).toList();
  }

  @Test
  void ofTwoWhoLoadUnderOneNameAtOnceOneGetsIt() throws Exception {
    try (ExecutorService users = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Answer>> answers =
          IntStream.range(0, 8)
              .mapToObj(i -> users.submit(() -> load("same", i % 2 == 0 ? "first" : "second")))
              .toList();
      int loaded = 0;
      for (Future<Answer> answer : answers) {
        assertThat(answer.get().status()).isIn(200, 409);
        loaded += answer.get().status() == 200 ? 1 : 0;
      }
      assertThat(loaded).isEqualTo(1);
    }
    assertThat(chat("same", 3).status()).isEqualTo(200);
    assertThat(service.models().generator().adapters().versions()).hasSize(1);
  }

  @ParameterizedTest
  @CsvSource({
    "../elsewhere",
    "/etc",
    "no-such",
    "tiny/config.json",
    "link",
    "first/../../x",
    "''",
    "linked-file",
    "pipe"
  })
  void nothingIsLoadedFromOutsideTheWorkspace(String path) throws Exception {
    RunningService.adapter(model, outside.resolve("adapter"), 3);
    Files.createSymbolicLink(folder.resolve("link"), outside.resolve("adapter"));
    Path linked = Files.createDirectory(folder.resolve("linked-file"));
    try (var files = Files.list(outside.resolve("adapter"))) {
      for (Path file : files.toList()) {
        Files.createSymbolicLink(linked.resolve(file.getFileName()), file);
      }
    }
    Path pipe = RunningService.adapter(model, folder.resolve("pipe"), 4);
    Files.delete(pipe.resolve("adapter_model.safetensors"));
    assertThat(
            new ProcessBuilder("mkfifo", pipe.resolve("adapter_model.safetensors").toString())
                .start()
                .waitFor())
        .isZero();

    Answer answer = load("x", path);

    assertThat(answer.status()).isEqualTo(400);
    assertThat(answer.json().at("/error/param").textValue()).isEqualTo("path");
    assertThat(answer.json().at("/error/message").textValue()).doesNotContain(outside.toString());
    assertThat(chat("x", 3).status()).isEqualTo(404);
  }

  @Test
  void aLinkThatStaysInsideIsFollowed() throws IOException {
    Files.createSymbolicLink(folder.resolve("current"), folder.resolve("first"));

    assertThat(load("x", "current").status()).isEqualTo(200);
    assertThat(load("y", folder.resolve("first").toString()).status()).isEqualTo(200);
  }

  @Test
  void anAdapterThatDoesNotAnswerAsItWasTrainedToIsRefusedWithTheReason() throws IOException {
    Path wrong = RunningService.adapter(model, folder.resolve("wrong"), 5);
    Files.writeString(wrong.resolve("lathe.json"), record(-1000));
    Path foreign = RunningService.adapter(model, folder.resolve("foreign"), 5);
    Files.writeString(
        foreign.resolve("lathe.json"), record(-1000).replace("\"base\":\"", "\"base\":\"0"));
    Path damaged = RunningService.adapter(model, folder.resolve("damaged"), 6);
    byte[] bytes = Files.readAllBytes(damaged.resolve("adapter_model.safetensors"));
    Files.write(
        damaged.resolve("adapter_model.safetensors"), Arrays.copyOf(bytes, bytes.length / 2));

    Map<String, String> reasons =
        Map.of(
            "wrong", "does not answer as it was trained to: at probe prompt 1",
            "foreign", "differs in: base model",
            "damaged", "adapter_model.safetensors");
    reasons.forEach((name, reason) -> {
      Answer answer = load(name, name);
      assertThat(answer.status()).as(name).isEqualTo(400);
      assertThat(answer.json().at("/error/message").textValue()).contains(reason);
      assertThat(answer.json().at("/error/param").textValue()).isEqualTo("path");
      assertThat(chat(name, 3).status()).isEqualTo(404);
    });
    assertThat(service.models().generator().adapters().versions()).isEmpty();
  }

  /// What `lathe.json` says of an adapter of this model with a probe prompt after which a token has
  /// this logit.
  private String record(double logit) {
    try (Checkpoint checkpoint = Checkpoint.open(model)) {
      ObjectNode json = JsonNodeFactory.instance.objectNode().put("format", 1);
      json.put("base", checkpoint.sha256());
      json.put("tokenizer", service.models().generator().tokenizer().sha256());
      json.put("template", ChatTemplate.of(checkpoint).sha256());
      json.put("base_model_name_or_path", "tiny");
      ObjectNode probe = json.putObject("probe");
      probe.putObject("tolerance").put("absolute", 0.01).put("top1_margin", 0.02);
      ObjectNode prompt = probe.putArray("prompts").addObject();
      prompt.putArray("tokens").add(1).add(2).add(3);
      prompt.putArray("logits").addArray().add(5).add(logit);
      return json.toString();
    }
  }

  @Test
  void badNamesAndTakenOnesAreRefused() {
    load("bank", "first");

    assertThat(load("bank", "second").status()).isEqualTo(409);
    assertThat(load("tiny", "second").status()).isEqualTo(409);
    assertThat(load("a b", "second").status()).isEqualTo(400);
    assertThat(load("", "second").status()).isEqualTo(400);
    for (Answer wrong : List.of(load("bank", "none"), load("a b", "first"))) {
      assertThat(wrong.json().at("/error/param").textValue()).isEqualTo("name");
    }
    Map<String, String> aliases = Map.of("bank/alias", "alias", "none/alias", "name");
    aliases.forEach((path, parameter) -> {
      String alias = parameter.equals("alias") ? "a b" : "other";
      Answer wrong = service.post(ADAPTERS + "/" + path, "{'alias': '" + alias + "'}");
      assertThat(wrong.json().at("/error/param").textValue()).isEqualTo(parameter);
    });
    assertThat(service.delete(ADAPTERS + "/none").status()).isEqualTo(404);
    assertThat(service.delete(ADAPTERS + "/tiny").status()).isEqualTo(404);
  }

  @Test
  void aKeyWithoutTheScopeManagesNothing() {
    String usual = service.keys().create("u", Operation.USUAL, Optional.empty()).text();
    String admin =
        service.keys().create("a", Set.of(Operation.MANAGE_ADAPTERS), Optional.empty()).text();
    String body = "{'name': 'x', 'path': 'first'}";

    assertThat(service.post(ADAPTERS, body).status()).isEqualTo(401);
    assertThat(service.post(ADAPTERS, body, "Authorization", "Bearer " + usual).status())
        .isEqualTo(403);
    assertThat(service.get(ADAPTERS, "Authorization", "Bearer " + usual).status()).isEqualTo(403);
    assertThat(service.delete(ADAPTERS + "/x", "Authorization", "Bearer " + usual).status())
        .isEqualTo(403);
    assertThat(service.post(ADAPTERS, body, "Authorization", "Bearer " + admin).status())
        .isEqualTo(200);
  }
}
