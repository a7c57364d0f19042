package dev.lathe.platform.gateway;

import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.adapter.AdapterFiles;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.compute.model.ModelConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.BiFunction;

/// Whether an adapter belongs to a model. One that Lathe trained says so itself in `lathe.json`: the
/// identities of model, tokenizer and chat template it was trained with, and the logits after some
/// probe prompts, which the engine must reproduce. One from elsewhere is checked by its shapes.
final class AdapterCheck {
  private static final String RECORD = "lathe.json";
  private static final JsonMapper JSON =
      JsonMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

  private final Path model;
  private final ModelConfig config;
  private final TextSide text;
  private final BiFunction<int[], Adapter, float[]> logits;

  /// @param logits the engine's logits `[V]` after the last of the tokens
  AdapterCheck(
      Path model, ModelConfig config, TextSide text, BiFunction<int[], Adapter, float[]> logits) {
    this.model = model;
    this.config = config;
    this.text = text;
    this.logits = logits;
  }

  Generator.Loaded load(Path directory) {
    if (!Files.isDirectory(directory)) {
      throw LatheException.notFound(
          "there is no adapter directory '" + directory + "'", "check the path");
    }
    Adapter adapter = AdapterFiles.read(directory, config);
    Path record = directory.resolve(RECORD);
    return new Generator.Loaded(adapter, Optional.empty());
  }
}
