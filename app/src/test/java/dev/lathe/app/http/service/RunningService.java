package dev.lathe.app.http.service;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lathe.app.http.ServerLog;
import dev.lathe.app.http.ServerSettings;
import dev.lathe.compute.StrictJson;
import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.adapter.AdapterFiles;
import dev.lathe.compute.adapter.AdapterSpec;
import dev.lathe.compute.engine.BrakedRunner;
import dev.lathe.compute.engine.EngineSettings;
import dev.lathe.compute.engine.JavaEngine;
import dev.lathe.compute.engine.RandomAdapters;
import dev.lathe.compute.kernel.Storage;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.platform.access.ApiKeys;
import dev.lathe.platform.gateway.Generator;
import dev.lathe.platform.gateway.ServedModels;
import dev.lathe.platform.gateway.Workspace;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/// A service over a tiny random model called `tiny`, and a client that holds every answer against
/// the service's own OpenAPI document.
final class RunningService implements AutoCloseable {
  private final Generator generator;
  private final AtomicReference<BrakedRunner> brake = new AtomicReference<>();
  private final ServedModels models;
  private final ApiKeys keys;
  private final Service service;
  private final HttpClient client = HttpClient.newHttpClient();
  private final Contract contract;
  private final List<String> defects = new CopyOnWriteArrayList<>();
  private final AtomicInteger departures = new AtomicInteger();

  RunningService(Path folder, Path model, EngineSettings engine, ServerSettings.Limits limits) {
    this(folder, model, engine, limits, Duration.ofMinutes(10));
  }

  /// @param maxTime longest time that an answer may take
  RunningService(
      Path folder,
      Path model,
      EngineSettings engine,
      ServerSettings.Limits limits,
      Duration maxTime) {
    generator =
        Generator.open(
            model,
            engine,
            engine.kvTokens(),
            (checkpoint, _) -> {
              BrakedRunner runner = BrakedRunner.open(checkpoint, engine);
              brake.set(runner);
              return JavaEngine.over(runner, checkpoint.config(), engine);
            });
    models = new ServedModels("tiny", generator, Clock.systemUTC());
    keys = ApiKeys.of(folder.resolve("keys.json"), Clock.systemUTC());
    ServerSettings settings =
        new ServerSettings("127.0.0.1", 0, Optional.empty(), Set.of(), limits);
    service =
        Service.start(
            new Service.Parts(
                settings, models, new Workspace(folder), keys, log(), maxTime, "test"));
    contract = new Contract(get("/openapi.json").json());
  }

  /// One that computes in fp32 with one thread, 4 streams and 2048 tokens of cache.
  static RunningService over(Path folder, Path model) {
    EngineSettings engine =
        EngineSettings.of(Storage.F32).withMaxStreams(4).withKvTokens(2048).withThreads(1);
    return new RunningService(folder, model, engine, ServerSettings.Limits.USUAL);
  }

  private ServerLog log() {
    return new ServerLog() {
      @Override
      public void answered(Answered answered) {
        // not asked here
      }

      @Override
      public void departed(String id) {
        departures.incrementAndGet();
      }

      @Override
      public void defect(String id, @Nullable Throwable cause) {
        defects.add(id + " " + cause);
        if (cause != null) {
          cause.printStackTrace();
        }
      }
    };
  }

  ServedModels models() {
    return models;
  }

  /// Holds up what the service computes.
  BrakedRunner brake() {
    return brake.get();
  }

  ApiKeys keys() {
    return keys;
  }

  Service service() {
    return service;
  }

  URI address() {
    return service.address();
  }

  /// Clients that went away, as far as it was noticed and what was done for them given up.
  int departures() {
    return departures.get();
  }

  List<String> defects() {
    return List.copyOf(defects);
  }

  /// Writes an adapter with random factors that fits the model.
  static Path adapter(Path model, Path directory, long seed) {
    AdapterSpec spec = new AdapterSpec(4, 2, 0, false, Set.of(Projection.Q, Projection.V));
    try (Checkpoint checkpoint = Checkpoint.open(model)) {
      Adapter random = RandomAdapters.of(checkpoint.config(), "random", 4, spec.targets(), seed);
      AdapterFiles.write(directory, random, spec, "tiny");
    }
    return directory;
  }

  /// An answer.
  record Answer(int status, String mediaType, String text, HttpResponse<?> response) {
    JsonNode json() {
      return parse(text);
    }

    String header(String name) {
      return response.headers().firstValue(name).orElse("");
    }

    /// The JSON of server-sent events, without `[DONE]`.
    List<JsonNode> events() {
      List<JsonNode> events = new ArrayList<>();
      for (String event : text.split("\n\n")) {
        String data = event.substring(event.indexOf("data: ") + "data: ".length());
        if (!data.equals("[DONE]")) {
          events.add(parse(data));
        }
      }
      return events;
    }

    /// The JSON of lines.
    List<JsonNode> lines() {
      return text.lines().map(Answer::parse).toList();
    }

    private static JsonNode parse(String text) {
      return StrictJson.value("an answer", text.getBytes(StandardCharsets.UTF_8));
    }
  }

  Answer get(String path, String... headers) {
    return send(path, HttpRequest.newBuilder().GET(), headers);
  }

  Answer delete(String path, String... headers) {
    return send(path, HttpRequest.newBuilder().DELETE(), headers);
  }

  /// @param body JSON, with ' in place of "
  Answer post(String path, String body, String... headers) {
    return send(
        path,
        HttpRequest.newBuilder().POST(HttpRequest.BodyPublishers.ofString(body.replace('\'', '"'))),
        headers);
  }

  private Answer send(String path, HttpRequest.Builder request, String... headers) {
    request.uri(service.address().resolve(path));
    for (int i = 0; i < headers.length; i += 2) {
      request.header(headers[i], headers[i + 1]);
    }
    try {
      HttpRequest built = request.build();
      HttpResponse<String> response = client.send(built, HttpResponse.BodyHandlers.ofString());
      String mediaType = response.headers().firstValue("Content-Type").orElse("");
      Answer answer = new Answer(response.statusCode(), mediaType, response.body(), response);
      if (!path.equals("/openapi.json")) {
        check(built.method(), path.replaceAll("\\?.*", ""), answer);
      }
      return answer;
    } catch (IOException e) {
      throw new AssertionError(path, e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(path, e);
    }
  }

  private void check(String method, String path, Answer answer) {
    List<JsonNode> parts =
        switch (answer.mediaType.replaceAll(";.*", "")) {
          case "application/json" -> List.of(answer.json());
          case "text/event-stream" -> answer.events();
          case "application/x-ndjson" -> answer.lines();
          default -> List.of();
        };
    for (JsonNode part : parts) {
      if (answer.status != 200 || !part.has("error")) {
        contract.check(method, path, answer.status, answer.mediaType, part);
      }
    }
  }

  @Override
  public void close() {
    brake().release();
    service.close();
    client.close();
    generator.close();
  }
}
