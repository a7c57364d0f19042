package dev.lathe.app.http.service;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lathe.app.http.Wire;
import dev.lathe.compute.model.TinyModels;
import dev.lathe.platform.access.Operation;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MetricsTest {
  @TempDir private Path folder;
  private Path model = Path.of("");
  private RunningService service;

  @BeforeEach
  void start() {
    model = TinyModels.llama(folder.resolve("tiny"), 7);
    service = RunningService.over(folder, model);
  }

  @AfterEach
  void stop() {
    assertThat(service.defects()).isEmpty();
    service.close();
  }

  private void chat(String name, int tokens) {
    String body =
        "{'model': '%s', 'messages': [{'role': 'user', 'content': 'hello, hello, hello'}], 'max_tokens': %d, 'ignore_eos': true}"
            .formatted(name, tokens);
    assertThat(service.post("/v1/chat/completions", body).status()).isEqualTo(200);
  }

  /// Values by name and labels, as the text format writes them.
  private Map<String, Double> scrape() {
    RunningService.Answer answer = service.get("/metrics");
    assertThat(answer.status()).isEqualTo(200);
    assertThat(answer.mediaType()).startsWith("text/plain; version=0.0.4");
    Map<String, Double> values = new TreeMap<>();
    for (String line : answer.text().lines().filter(each -> !each.startsWith("#")).toList()) {
      int space = line.lastIndexOf(' ');
      values.put(line.substring(0, space), Double.valueOf(line.substring(space + 1)));
    }
    return values;
  }

  /// The values as soon as one is what it should be: requests are counted when their answer has
  /// been sent.
  private Map<String, Double> scrapeUntil(String key, double wanted) {
    long until = System.nanoTime() + Duration.ofMinutes(2).toNanos();
    Map<String, Double> values = scrape();
    while (values.getOrDefault(key, 0.0) != wanted) {
      assertThat(System.nanoTime()).as("%s of %s", key, values).isLessThan(until);
      values = scrape();
    }
    return values;
  }

  @Test
  void everyTokenAndRequestIsCountedUnderItsAdapter() {
    service.models().load("bank", RunningService.adapter(model, folder.resolve("bank"), 1));
    service.models().alias("prod", "bank");
    chat("tiny", 5);
    chat("bank", 7);
    chat("prod", 7);
    Map<String, Double> values =
        scrapeUntil(
            "lathe_http_requests_seconds_count{method=\"POST\",path=\"/v1/chat/completions\",status=\"200\"}",
            3);

    assertThat(values)
        .containsEntry("lathe_output_tokens_total{adapter=\"tiny\"}", 5.0)
        .containsEntry("lathe_output_tokens_total{adapter=\"bank\"}", 14.0)
        .containsEntry("lathe_time_to_first_token_seconds_count{adapter=\"bank\"}", 2.0)
        .containsEntry("lathe_inter_token_seconds_count{adapter=\"bank\"}", 12.0)
        .containsEntry("lathe_inter_token_seconds_count{adapter=\"tiny\"}", 4.0)
        .containsEntry("lathe_answer_seconds_count{adapter=\"bank\"}", 2.0)
        .containsEntry("lathe_answers_total{adapter=\"bank\",end=\"length\"}", 2.0)
        .containsEntry("lathe_queue_wait_seconds_count", 3.0)
        .containsEntry("lathe_requests_running", 0.0)
        .containsEntry("lathe_adapters", 1.0);
    assertThat(values.get("lathe_prompt_tokens_total{adapter=\"tiny\"}"))
        .isEqualTo("[user\nhello, hello, hello]\n[assistant\n".length());
    assertThat(values.get("lathe_inter_token_seconds_bucket{adapter=\"bank\",le=\"+Inf\"}"))
        .isEqualTo(12);
    assertThat(values.get("lathe_answer_seconds_sum{adapter=\"bank\"}"))
        .isGreaterThanOrEqualTo(
            values.get("lathe_time_to_first_token_seconds_sum{adapter=\"bank\"}"));
  }

  @Test
  void aRepeatedPromptIsFoundInTheCacheAndPagesAreShown() {
    chat("tiny", 3);
    double before = scrape().getOrDefault("lathe_prefix_reused_tokens_total", 0.0);
    chat("tiny", 3);
    Map<String, Double> values = scrape();

    assertThat(values.get("lathe_prefix_reused_tokens_total")).isGreaterThan(before);
    assertThat(values.get("lathe_kv_pages_cached")).isPositive();
    assertThat(values.get("lathe_kv_usage_ratio")).isZero();
  }

  @Test
  void whatRunsAndRefusalsAreShown() throws IOException {
    service.post("/v1/chat/completions", "{'model': 'none'}");
    service.brake().slow();
    try (Wire wire = new Wire(service.address())) {
      wire.post(
          "/v1/completions",
          "{\"model\": \"tiny\", \"prompt\": \"a\", \"max_tokens\": 1900, \"ignore_eos\": true, \"n\": 16, \"stream\": true}");
      wire.until("\"text\"");
      Map<String, Double> values =
          scrapeUntil(
              "lathe_http_requests_seconds_count{method=\"POST\",path=\"/v1/chat/completions\",status=\"400\"}",
              1);

      assertThat(values.get("lathe_requests_running")).isPositive();
      assertThat(values.get("lathe_kv_usage_ratio")).isPositive();
    }
  }

  @Test
  void callersCannotMakeMoreSeriesThanThereAreRoutesAndSomeAdapters() throws IOException {
    for (int i = 0; i < 70; i++) {
      answerOneToken("a" + i, i);
    }
    chat("tiny", 3);
    for (int i = 0; i < 80; i++) {
      String body = "{'model': 'unknown-%d', 'prompt': 'a'}".formatted(i);
      assertThat(service.post("/v1/completions", body).status()).isEqualTo(404);
    }
    try (Wire wire = new Wire(service.address())) {
      for (int i = 0; i < 20; i++) {
        assertThat(wire.get("/no-such-path-" + i).read().status()).isEqualTo(404);
        wire.lines("METHOD" + i + " / HTTP/1.1", "Host: localhost").read();
      }
    }
    Map<String, Double> values = scrape();

    assertThat(values.keySet().stream().filter(key -> key.startsWith("lathe_output_tokens_total")))
        .hasSize(66);
    assertThat(values.get("lathe_output_tokens_total{adapter=\"other\"}")).isEqualTo(6);
    assertThat(values.get("lathe_output_tokens_total{adapter=\"tiny\"}")).isEqualTo(3);
    assertThat(
            values.keySet().stream()
                .filter(key -> key.startsWith("lathe_http_requests_seconds_count")))
        .hasSizeLessThan(10);
  }

  private void answerOneToken(String name, int seed) {
    service.models().load(name, RunningService.adapter(model, folder.resolve(name), seed));
    chat(name, 1);
  }

  @Test
  void anAdapterThatIsUnloadedMakesRoomForTheFiguresOfAnother() throws IOException {
    for (int i = 0; i < 90; i++) {
      answerOneToken("a" + i, i);
      service.models().unload("a" + i);
    }
    Set<String> keys = scrape().keySet();

    assertThat(keys).contains("lathe_output_tokens_total{adapter=\"a89\"}");
    assertThat(keys).noneMatch(key -> key.contains("other") || key.contains("\"a0\""));
    assertThat(keys.stream().filter(key -> key.startsWith("lathe_answers_total")))
        .hasSizeLessThanOrEqualTo(4 * 64);
  }

  @Test
  void thePaperNamesTheFiguresThatThereAre() throws IOException {
    chat("tiny", 3);
    service.get("/metrics");
    String paper =
        Files.readString(Path.of(System.getProperty("lathe.root"), "docs", "serving.md"));
    Set<String> written = new TreeSet<>();
    Pattern.compile("`(lathe_\\w+)`")
        .matcher(paper)
        .results()
        .forEach(each -> written.add(each.group(1)));

    Set<String> there = new TreeSet<>();
    for (String key : scrape().keySet()) {
      if (key.startsWith("lathe_")) {
        there.add(key.replaceAll("\\{.*", "").replaceAll("_(bucket|sum|count|max)$", ""));
      }
    }
    there.add("lathe_defects_total");
    assertThat(written).isEqualTo(there);
  }

  @Test
  void figuresNeedTheirScopeWhereThereAreKeys() {
    String usual = service.keys().create("u", Operation.USUAL, Optional.empty()).text();
    String reader =
        service.keys().create("m", Set.of(Operation.READ_METRICS), Optional.empty()).text();

    assertThat(service.get("/metrics").status()).isEqualTo(401);
    assertThat(service.get("/metrics", "Authorization", "Bearer " + usual).status()).isEqualTo(403);
    assertThat(service.get("/metrics", "Authorization", "Bearer " + reader).status())
        .isEqualTo(200);
  }
}
