package dev.lathe.platform.registry;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.StrictJson;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;

/// Which of the files that a folder or repository offers make up a model.
///
/// Taken are safetensors, JSON, Jinja and text files at its top, tokenizer models, licence and
/// readme; or one GGUF file with licence and readme. Pickles (`.bin`, `.pt`, `.pth`, `.ckpt`)
/// never.
final class FileSelection {
  private static final Pattern SAFE_NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._+-]*");
  private static final Pattern PAPER =
      Pattern.compile("(?i)(readme|licen[cs]e|notice|use_policy).*|.*\\.md");
  private static final Set<String> SMALL_KINDS = Set.of("json", "jinja", "txt", "model");
  private static final Set<String> PICKLES = Set.of("bin", "pt", "pth", "ckpt", "pkl");
  private static final String INDEX = "model.safetensors.index.json";
  private static final String ONE_WEIGHTS = "model.safetensors";

  /// The files of one model.
  record Chosen(ModelFormat format, List<RemoteFile> files) {}

  /// Gives the content of a small file of the same folder or repository.
  interface SmallFiles {
    byte[] read(RemoteFile file) throws IOException;
  }

  private final String where;
  private final List<RemoteFile> offered;

  /// @param where how messages call the folder or repository
  FileSelection(String where, List<RemoteFile> offered) {
    this.where = where;
    this.offered = offered.stream().filter(file -> isSafe(file.fileName())).toList();
  }

  /// Whether a file tells about the model and is no part of it.
  static boolean isPaper(String path) {
    return PAPER.matcher(path).matches();
  }

  /// Whether a model could be opened from a file of this name.
  static boolean isContent(String path) {
    String kind = kind(path);
    return !isPaper(path)
        && (SMALL_KINDS.contains(kind) || kind.equals("safetensors") || kind.equals("gguf"));
  }

  private static boolean isSafe(String name) {
    return SAFE_NAME.matcher(name).matches();
  }

  private static String kind(String path) {
    return path.substring(path.lastIndexOf('.') + 1);
  }

  /// Chooses the GGUF file named, else the safetensors set, else the only GGUF file.
  Chosen choose(Optional<String> gguf, SmallFiles reader) throws IOException {
    if (gguf.isPresent()) {
      return gguf(named(gguf.get()));
    }
    List<RemoteFile> weights = weights(reader);
    if (weights.isEmpty()) {
      return onlyGguf();
    }
    if (find("config.json").isEmpty()) {
      throw refused(
          "has weights but no config.json", "name a repository or folder of a base model");
    }
    List<RemoteFile> files = new ArrayList<>();
    offered.stream()
        .filter(file -> SMALL_KINDS.contains(kind(file.path())) || isPaper(file.path()))
        .filter(file -> !file.endsWith(".safetensors.index.json") || file.path().equals(INDEX))
        .forEach(files::add);
    files.addAll(weights);
    return new Chosen(ModelFormat.HUGGINGFACE, files);
  }

  private List<RemoteFile> weights(SmallFiles reader) throws IOException {
    Optional<RemoteFile> index = find(INDEX);
    if (index.isPresent()) {
      return shards(reader.read(index.get()));
    }
    return find(ONE_WEIGHTS).map(List::of).orElse(List.of());
  }

  private List<RemoteFile> shards(byte[] index) throws IOException {
    Set<String> names = new TreeSet<>();
    for (JsonNode shard : StrictJson.object(INDEX, index).path("weight_map")) {
      names.add(shard.asText());
    }
    if (names.isEmpty()) {
      throw refused("has an empty " + INDEX, "choose another revision");
    }
    List<RemoteFile> shards = new ArrayList<>();
    for (String name : names) {
      if (!name.endsWith(".safetensors")) {
        throw refused("names '" + name + "' in its index", "only safetensors are read");
      }
      shards.add(find(name).orElseThrow(() -> refused("lacks '" + name + "'", "it is incomplete")));
    }
    return shards;
  }

  private Chosen gguf(RemoteFile file) {
    List<RemoteFile> files = new ArrayList<>();
    files.add(file);
    offered.stream().filter(other -> isPaper(other.path())).forEach(files::add);
    return new Chosen(ModelFormat.GGUF, files);
  }

  private RemoteFile named(String path) {
    return find(path)
        .orElseThrow(() ->
            LatheException.notFound(
                "%s has no file '%s'".formatted(where, path),
                "it offers " + list(ggufs().stream().map(RemoteFile::path).toList())));
  }

  private Chosen onlyGguf() {
    List<RemoteFile> ggufs = ggufs();
    if (ggufs.size() == 1) {
      return gguf(ggufs.getFirst());
    }
    if (!ggufs.isEmpty()) {
      throw refused(
          "has %d GGUF files".formatted(ggufs.size()),
          "name one behind a colon: " + list(ggufs.stream().map(RemoteFile::path).toList()));
    }
    List<String> pickles =
        offered.stream()
            .map(RemoteFile::path)
            .filter(path -> PICKLES.contains(kind(path)))
            .toList();
    if (!pickles.isEmpty()) {
      throw refused(
          "has its weights only as pickle files (%s)".formatted(list(pickles)),
          "pickles can run code and are never loaded; find a safetensors version of the model");
    }
    throw refused("has neither %s nor a GGUF file".formatted(ONE_WEIGHTS), "check the name");
  }

  private List<RemoteFile> ggufs() {
    return offered.stream().filter(file -> file.endsWith(".gguf")).toList();
  }

  private Optional<RemoteFile> find(String path) {
    return offered.stream().filter(file -> file.path().equals(path)).findFirst();
  }

  private static String list(List<String> paths) {
    int shown = Math.min(paths.size(), 8);
    String names = paths.isEmpty() ? "no GGUF file" : String.join(", ", paths.subList(0, shown));
    return paths.size() > shown ? names + " and %d more".formatted(paths.size() - shown) : names;
  }

  private LatheException refused(String what, String remedy) {
    return LatheException.user(where + " " + what, remedy);
  }
}
