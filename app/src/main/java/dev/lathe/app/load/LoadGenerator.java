package dev.lathe.app.load;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.compute.LatheException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletionService;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.function.IntConsumer;

/// Sends a [LoadPlan] to a server that speaks OpenAI's chat completions, streamed, each request on
/// a thread of its own. Closing gives up the connections.
public final class LoadGenerator implements AutoCloseable {
  private static final JsonMapper JSON = new JsonMapper();
  private static final Duration CONNECT = Duration.ofSeconds(10);

  private final LoadPlan plan;
  private final HttpClient client;
  private final ExecutorService threads;

  public LoadGenerator(LoadPlan plan) {
    this.plan = plan;
    threads = Executors.newVirtualThreadPerTaskExecutor();
    client =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(CONNECT)
            .executor(threads)
            .build();
  }

  /// The names that the server lists under `/v1/models`.
  ///
  /// @throws LatheException when it cannot be reached or does not answer as OpenAI's API does
  public static List<String> models(URI server, Optional<String> key) throws InterruptedException {
    LoadPlan asking =
        new LoadPlan(
            server,
            key,
            List.of("any"),
            List.of(LoadPrompt.of("any")),
            new double[1],
            1,
            1,
            false,
            0,
            CONNECT);
    try (LoadGenerator generator = new LoadGenerator(asking)) {
      URI route = asking.route("models");
      HttpResponse<String> response =
          generator.client.send(
              generator.request(route).GET().build(),
              BodyHandlers.ofString(StandardCharsets.UTF_8));
      List<String> names = new ArrayList<>();
      if (response.statusCode() == 200) {
        JSON.readTree(response.body())
            .path("data")
            .forEach(each -> names.add(each.path("id").asText()));
      }
      if (names.isEmpty()) {
        throw LatheException.environment(
            "'%s' answers %d and lists no model".formatted(route, response.statusCode()),
            "give the address of a server that speaks OpenAI's API, and --api-key if it needs one",
            null);
      }
      return names;
    } catch (IOException e) {
      throw LatheException.environment(
          "'%s' cannot be asked for its models (%s)".formatted(server, reason(e)),
          "check that the server runs and speaks OpenAI's API",
          e);
    }
  }

  /// Tokens of a prompt of so many random words, as the server counts them; 0 where it does not
  /// say.
  ///
  /// @throws LatheException when the server does not answer
  public int promptTokens(int words) throws InterruptedException {
    LoadPrompt prompt = RandomPrompts.make(1, words, 0, 1).getFirst();
    Sample sample = ask(0, plan.models().getFirst(), prompt, 1, 0, System.nanoTime());
    if (sample.error().isPresent()) {
      throw LatheException.environment(
          "a first request failed: " + sample.error().get(), "see the server's log", null);
    }
    return sample.promptTokens();
  }

  /// Sends everything and waits for all answers.
  ///
  /// @param ended told how many requests have ended, on the calling thread
  /// @return one sample a request, in the order of their ends
  public List<Sample> run(IntConsumer ended) throws InterruptedException {
    Semaphore room = new Semaphore(plan.concurrency(), true);
    CompletionService<Sample> samples = new ExecutorCompletionService<>(threads);
    long start = System.nanoTime();
    for (int i = 0; i < plan.requests(); i++) {
      int index = i;
      samples.submit(() -> request(index, room, start));
    }
    List<Sample> all = new ArrayList<>();
    while (all.size() < plan.requests()) {
      try {
        all.add(samples.take().get());
      } catch (ExecutionException e) {
        throw new IllegalStateException(e.getCause());
      }
      ended.accept(all.size());
    }
    return all;
  }

  private Sample request(int index, Semaphore room, long start) throws InterruptedException {
    double scheduled = plan.arrivals()[index];
    long wait = start + (long) (scheduled * 1e9) - System.nanoTime();
    if (wait > 0) {
      Thread.sleep(Duration.ofNanos(wait));
    }
    room.acquire();
    try {
      String model = plan.models().get(index % plan.models().size());
      LoadPrompt prompt = plan.prompts().get(index % plan.prompts().size());
      return ask(scheduled, model, prompt, plan.outputTokens(), index, start);
    } finally {
      room.release();
    }
  }

  private Sample ask(
      double scheduled, String model, LoadPrompt prompt, int tokens, int seed, long start)
      throws InterruptedException {
    HttpRequest request =
        request(plan.route("chat/completions"))
            .header("Content-Type", "application/json")
            .timeout(plan.timeout())
            .POST(BodyPublishers.ofString(body(model, prompt, tokens, seed)))
            .build();
    Answer answer = new Answer(start);
    double sent = answer.now();
    Optional<String> error;
    try {
      HttpResponse<InputStream> response = client.send(request, BodyHandlers.ofInputStream());
      try (InputStream in = response.body()) {
        error =
            response.statusCode() == 200
                ? answer.read(in, plan.timeout())
                : Optional.of("HTTP " + response.statusCode());
      }
    } catch (IOException e) {
      error = Optional.of(reason(e));
    }
    return answer.sample(model, scheduled, sent, error);
  }

  private String body(String model, LoadPrompt prompt, int tokens, int seed) {
    ObjectNode body = JSON.createObjectNode().put("model", model);
    ArrayNode messages = body.putArray("messages");
    for (LoadPrompt.Turn turn : prompt.turns()) {
      messages.addObject().put("role", turn.role()).put("content", turn.text());
    }
    body.put("max_tokens", tokens).put("temperature", plan.temperature()).put("seed", seed);
    body.put("stream", true).putObject("stream_options").put("include_usage", true);
    if (plan.ignoreEos()) {
      body.put("ignore_eos", true);
    }
    return body.toString();
  }

  private HttpRequest.Builder request(URI route) {
    HttpRequest.Builder builder = HttpRequest.newBuilder(route);
    plan.key().ifPresent(key -> builder.header("Authorization", "Bearer " + key));
    return builder;
  }

  private static String reason(IOException e) {
    String message = e.getMessage();
    return message == null || message.isBlank() ? e.getClass().getSimpleName() : message;
  }

  @Override
  public void close() {
    client.shutdownNow();
    threads.shutdownNow();
  }

  /// One streamed answer while it comes.
  private static final class Answer {
    private final long start;
    private double first = Double.NaN;
    private double last = Double.NaN;
    private double[] gaps = new double[64];
    private int pieces;
    private int promptTokens;
    private int outputTokens;
    private boolean done;

    Answer(long start) {
      this.start = start;
    }

    double now() {
      return (System.nanoTime() - start) * 1e-9;
    }

    Optional<String> read(InputStream in, Duration timeout) throws IOException {
      double latest = now() + timeout.toNanos() * 1e-9;
      BufferedReader lines =
          new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8), 1024);
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        if (line.startsWith("data:")) {
          Optional<String> error = event(line.substring(5).strip());
          if (error.isPresent()) {
            return error;
          }
        }
        if (now() > latest) {
          return Optional.of("timed out");
        }
      }
      if (!done) {
        return Optional.of("the stream ended early");
      }
      return pieces == 0 ? Optional.of("an empty answer") : Optional.empty();
    }

    private Optional<String> event(String data) {
      if (data.equals("[DONE]")) {
        done = true;
        return Optional.empty();
      }
      JsonNode event;
      try {
        event = JSON.readTree(data);
      } catch (JsonProcessingException e) {
        return Optional.of("an event that is not JSON");
      }
      if (event.hasNonNull("error")) {
        return Optional.of(event.path("error").path("message").asText("an error in the stream"));
      }
      JsonNode usage = event.path("usage");
      if (usage.isObject()) {
        promptTokens = usage.path("prompt_tokens").asInt();
        outputTokens = usage.path("completion_tokens").asInt();
      }
      JsonNode delta = event.path("choices").path(0).path("delta");
      if (isPiece(delta)) {
        piece();
      }
      return Optional.empty();
    }

    private static boolean isPiece(JsonNode delta) {
      return !delta.path("content").asText("").isEmpty()
          || !delta.path("reasoning_content").asText("").isEmpty()
          || delta.path("tool_calls").isArray();
    }

    private void piece() {
      double now = now();
      if (pieces == 0) {
        first = now;
      } else {
        if (pieces > gaps.length) {
          gaps = Arrays.copyOf(gaps, 2 * gaps.length);
        }
        gaps[pieces - 1] = now - last;
      }
      pieces++;
      last = now;
    }

    Sample sample(String model, double scheduled, double sent, Optional<String> error) {
      return new Sample(
          model,
          scheduled,
          sent,
          first,
          last,
          promptTokens,
          outputTokens > 0 ? outputTokens : pieces,
          Arrays.copyOf(gaps, Math.max(0, pieces - 1)),
          error);
    }
  }
}
