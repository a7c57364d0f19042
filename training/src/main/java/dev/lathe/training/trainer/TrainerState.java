package dev.lathe.training.trainer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.StrictJson;
import dev.lathe.compute.adapter.AdapterSpec;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.weights.DType;
import dev.lathe.compute.weights.Dequantize;
import dev.lathe.compute.weights.Safetensors;
import dev.lathe.compute.weights.WeightSource;
import dev.lathe.compute.weights.WeightTensor;
import dev.lathe.training.model.Factors;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/// A trainer's state in a directory, two files:
///
/// - `lathe_trainer.safetensors`: `values`, `first_moment`, `second_moment`, each fp32 `[size]` in
///   the layout of [Factors];
/// - `lathe_trainer.json`: `format` (1), `step`, `seed`, and under `adapter` what the layout and
///   the meaning of the numbers depend on: `rank`, `alpha`, `dropout`, `root_scaling`, `targets`,
///   `layers`, `width`, `feed_forward`, `size`.
///
/// Both are brought to the disk before `write` returns, the JSON last.
final class TrainerState {
  static final String TENSORS = "lathe_trainer.safetensors";
  static final String FACTS = "lathe_trainer.json";
  private static final int FORMAT = 1;
  private static final long MAX_FACTS_BYTES = 1 << 16;
  private static final String VALUES = "values";
  private static final String FIRST = "first_moment";
  private static final String SECOND = "second_moment";

  private final Factors factors;
  private final TrainerSettings settings;

  TrainerState(Factors factors, TrainerSettings settings) {
    this.factors = factors;
    this.settings = settings;
  }

  void write(Path directory, int step, float[] values, AdamW optimizer) {
    SequencedMap<String, Safetensors.Output> tensors = new LinkedHashMap<>();
    List<Long> shape = List.of((long) factors.size());
    tensors.put(VALUES, Safetensors.Output.of(DType.F32, shape, values));
    tensors.put(FIRST, Safetensors.Output.of(DType.F32, shape, optimizer.first()));
    tensors.put(SECOND, Safetensors.Output.of(DType.F32, shape, optimizer.second()));
    Safetensors.write(directory.resolve(TENSORS), tensors, java.util.Map.of());
    ObjectNode facts = JsonNodeFactory.instance.objectNode();
    facts.put("format", FORMAT).put("step", step).put("seed", settings.seed());
    facts.set("adapter", adapter());
    writeText(directory.resolve(FACTS), facts.toPrettyString() + "\n");
  }

  /// Fills values and moments; returns the step.
  int read(Path directory, float[] values, AdamW optimizer) {
    Path file = directory.resolve(FACTS);
    JsonNode facts = StrictJson.object(file, MAX_FACTS_BYTES);
    requireSame(file, "format", facts.path("format").asText(), String.valueOf(FORMAT));
    requireSame(file, "seed", facts.path("seed").asText(), String.valueOf(settings.seed()));
    requireSame(file, "adapter", facts.path("adapter").toString(), adapter().toString());
    if (!facts.path("step").canConvertToInt() || facts.path("step").asInt() < 0) {
      throw LatheException.user("'" + file + "' says no step", "resume from another checkpoint");
    }
    try (WeightSource source = Safetensors.open(List.of(directory.resolve(TENSORS)))) {
      WeightTensor savedValues = vector(source, VALUES);
      WeightTensor savedFirst = vector(source, FIRST);
      WeightTensor savedSecond = vector(source, SECOND);
      Dequantize.toF32(savedValues, 0, values, 0, values.length);
      Dequantize.toF32(savedFirst, 0, optimizer.first(), 0, values.length);
      Dequantize.toF32(savedSecond, 0, optimizer.second(), 0, values.length);
    }
    return facts.path("step").asInt();
  }

  private ObjectNode adapter() {
    AdapterSpec spec = factors.spec();
    ModelConfig config = factors.config();
    ObjectNode adapter = JsonNodeFactory.instance.objectNode();
    adapter.put("rank", spec.rank()).put("alpha", spec.alpha()).put("dropout", spec.dropout());
    adapter.put("root_scaling", spec.rootScaling());
    spec.targets().forEach(target -> adapter.withArray("targets").add(target.target()));
    adapter.put("layers", config.layers()).put("width", config.width());
    adapter.put("feed_forward", config.feedForward()).put("size", factors.size());
    return adapter;
  }

  private WeightTensor vector(WeightSource source, String name) {
    WeightTensor tensor = source.tensor(name);
    if (tensor.type() != DType.F32 || !tensor.shape().equals(List.of((long) factors.size()))) {
      throw LatheException.user(
          "the saved '"
              + name
              + "' is "
              + tensor.type()
              + " "
              + tensor.shape()
              + " where F32 ["
              + factors.size()
              + "] is needed",
          "resume from another checkpoint");
    }
    return tensor;
  }

  private static void requireSame(Path file, String what, String found, String wanted) {
    if (!found.equals(wanted)) {
      throw LatheException.user(
          "'" + file + "' was saved with " + what + " " + found + ", this run has " + wanted,
          "resume with the settings of the saved run, or start anew in another directory");
    }
  }

  private static void writeText(Path file, String text) {
    try {
      Files.writeString(file, text, StandardCharsets.UTF_8);
      try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
        channel.force(true);
      }
    } catch (IOException e) {
      throw LatheException.environment("'" + file + "' cannot be written", e.toString(), e);
    }
  }
}
