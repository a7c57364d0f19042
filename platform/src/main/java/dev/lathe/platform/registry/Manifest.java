package dev.lathe.platform.registry;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.compute.LatheException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/// What a pulled model is made of: `manifest.json` in its folder.
///
/// ```json
/// {"version": 1, "name": "…", "format": "huggingface" | "gguf", "weights": "BF16",
///  "source": "hf:org/repo",
///  "revision": "commit or version", "licence": "Apache-2.0", "pulled": "2026-01-31T12:00:00Z",
///  "files": [{"path": "model.safetensors", "bytes": 269060552, "sha256": "64 hex digits"}]}
/// ```
record Manifest(
    String name,
    ModelFormat format,
    String weights,
    String source,
    String revision,
    String licence,
    Instant pulled,
    List<FileEntry> files) {
  static final String FILE = "manifest.json";
  private static final int VERSION = 1;
  private static final JsonMapper JSON =
      JsonMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

  /// One file of the model.
  record FileEntry(String path, long bytes, String sha256) {}

  Manifest {
    files = List.copyOf(files);
  }

  static Manifest read(Path folder) {
    Path file = folder.resolve(FILE);
    try {
      return parse(JSON.readTree(Files.readAllBytes(file)));
    } catch (JacksonException | IllegalArgumentException | DateTimeException e) {
      throw LatheException.environment(
          "'%s' is damaged: %s".formatted(file, firstLine(e)), "pull the model again", e);
    } catch (IOException e) {
      throw LatheException.environment(
          "'%s' cannot be read: %s".formatted(file, e.getMessage()), "pull the model again", e);
    }
  }

  private static Manifest parse(JsonNode root) {
    if (root.path("version").asInt() != VERSION) {
      throw new IllegalArgumentException(
          "version is %s, wanted is %d".formatted(root.path("version"), VERSION));
    }
    List<FileEntry> files = new ArrayList<>();
    for (JsonNode file : root.path("files")) {
      long bytes = file.required("bytes").asLong();
      files.add(new FileEntry(text(file, "path"), bytes, text(file, "sha256")));
    }
    if (files.isEmpty()) {
      throw new IllegalArgumentException("it lists no file");
    }
    return new Manifest(
        text(root, "name"),
        ModelFormat.valueOf(text(root, "format").toUpperCase(Locale.ROOT)),
        root.path("weights").asText(WeightKind.UNKNOWN),
        text(root, "source"),
        text(root, "revision"),
        text(root, "licence"),
        Instant.parse(text(root, "pulled")),
        files);
  }

  private static String text(JsonNode node, String key) {
    return node.required(key).asText();
  }

  private static String firstLine(Exception e) {
    return String.valueOf(e.getMessage()).lines().findFirst().orElse("");
  }

  byte[] json() throws IOException {
    ObjectNode root = JSON.createObjectNode();
    root.put("version", VERSION).put("name", name).put("format", format.label());
    root.put("weights", weights);
    root.put("source", source).put("revision", revision).put("licence", licence);
    root.put("pulled", pulled.toString());
    ArrayNode list = root.putArray("files");
    for (FileEntry file : files) {
      ObjectNode entry = list.addObject();
      entry.put("path", file.path()).put("bytes", file.bytes()).put("sha256", file.sha256());
    }
    return JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(root);
  }

  long bytes() {
    return files.stream().mapToLong(FileEntry::bytes).sum();
  }

  /// What must be opened: the folder, or the GGUF file in it.
  Path opened(Path folder) {
    return switch (format) {
      case HUGGINGFACE -> folder;
      case GGUF ->
          folder.resolve(
              files.stream()
                  .map(FileEntry::path)
                  .filter(path -> path.endsWith(".gguf"))
                  .findFirst()
                  .orElseThrow(() -> new IllegalStateException("'" + name + "' has no .gguf")));
    };
  }

  /// The identity of the weights, the same as `Checkpoint.sha256()` computes: of a GGUF file its
  /// own hash; of a folder the SHA-256 over `hash, two spaces, name, newline` of `config.json` and
  /// each safetensors file, sorted by name.
  String identity() {
    if (format == ModelFormat.GGUF) {
      return files.stream()
          .filter(file -> file.path().endsWith(".gguf"))
          .map(FileEntry::sha256)
          .findFirst()
          .orElseThrow(() -> new IllegalStateException("'" + name + "' has no .gguf"));
    }
    StringBuilder lines = new StringBuilder();
    files.stream()
        .filter(file -> file.path().equals("config.json") || file.path().endsWith(".safetensors"))
        .sorted(Comparator.comparing(FileEntry::path))
        .forEach(file -> lines.append(file.sha256()).append("  ").append(file.path()).append('\n'));
    return Hashes.sha256(lines.toString());
  }
}
