package dev.lathe.app.demo;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.lathe.compute.LatheException;
import dev.lathe.platform.tuning.LossCurve;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// What a finished training run left in its directory, from `train_results.json` and
/// `trainer_state.json`.
///
/// @param steps optimizer steps
/// @param tokensPerSecond over the whole run
/// @param peakMemoryBytes of the process; 0 where the system did not say
/// @param picture the loss curve as PNG; not there where the machine has no fonts
public record TrainingSummary(
    int steps,
    double seconds,
    double tokensPerSecond,
    long peakMemoryBytes,
    LossCurve curve,
    Path picture) {
  private static final JsonMapper JSON = new JsonMapper();

  /// Of the run in that directory.
  public static TrainingSummary read(Path directory) {
    JsonNode results = json(directory.resolve("train_results.json"));
    JsonNode state = json(directory.resolve("trainer_state.json"));
    List<Integer> steps = new ArrayList<>();
    List<Double> losses = new ArrayList<>();
    for (JsonNode entry : state.path("log_history")) {
      if (entry.has("loss")) {
        steps.add(entry.path("step").asInt());
        losses.add(entry.path("loss").asDouble());
      }
    }
    return new TrainingSummary(
        state.path("global_step").asInt(),
        results.path("train_runtime").asDouble(),
        results.path("train_tokens_per_second").asDouble(),
        results.path("peak_memory_bytes").asLong(),
        new LossCurve("loss", steps, losses),
        directory.resolve("training_loss.png"));
  }

  private static JsonNode json(Path file) {
    try {
      return JSON.readTree(Files.readAllBytes(file));
    } catch (IOException e) {
      throw LatheException.environment(
          "'" + file + "' cannot be read (" + e.getMessage() + ")",
          "run the demo again with --again",
          e);
    }
  }
}
