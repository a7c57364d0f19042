package dev.lathe.platform.dataset;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.StrictJson;
import dev.lathe.platform.dataset.Layout.Columns;
import dev.lathe.platform.dataset.Layout.Format;
import dev.lathe.platform.dataset.Layout.Tags;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// LLaMA-Factory's `dataset_info.json`: a JSON object from data set names to where the rows lie and
/// how they are laid out.
///
/// Entry keys: `file_name` (a file, or a folder of files, relative to the directory; `hf_hub_url`,
/// `ms_hub_url`, `om_hub_url`, `script_url`, `cloud_file_name` come before it and are refused, as
/// nothing is downloaded here), `formatting` (`alpaca`, `sharegpt`, `openai`), `ranking`, `subset`,
/// `split`, `folder`, `num_samples`, `columns`, `tags`. Where `columns` is present, every column
/// that it does not name is absent, also those that have a name by default; the same for `tags`. An
/// entry is checked when it is asked for: others in the file may be of kinds that are not
/// supported.
final class DatasetInfo {
  static final String FILE = "dataset_info.json";
  private static final long MAX_BYTES = 16 << 20;

  private static final Set<String> KEYS =
      Set.of(
          "hf_hub_url",
          "ms_hub_url",
          "om_hub_url",
          "script_url",
          "cloud_file_name",
          "file_name",
          "formatting",
          "ranking",
          "subset",
          "split",
          "folder",
          "num_samples",
          "columns",
          "tags");
  private static final List<String> REMOTE =
      List.of("hf_hub_url", "ms_hub_url", "om_hub_url", "script_url", "cloud_file_name");
  private static final Set<String> COLUMNS =
      Set.of(
          "prompt",
          "query",
          "response",
          "history",
          "messages",
          "system",
          "tools",
          "images",
          "videos",
          "audios",
          "chosen",
          "rejected",
          "kto_tag");
  private static final Set<String> TAGS =
      Set.of(
          "role_tag",
          "content_tag",
          "user_tag",
          "assistant_tag",
          "observation_tag",
          "function_tag",
          "system_tag");

  private final Path directory;
  private final JsonNode entries;

  private DatasetInfo(Path directory, JsonNode entries) {
    this.directory = directory;
    this.entries = entries;
  }

  /// Reads `dataset_info.json` of the directory.
  static DatasetInfo read(Path directory) {
    Path file = directory.resolve(FILE);
    if (!Files.isRegularFile(file)) {
      throw LatheException.notFound(
          "no '" + file + "'",
          "set dataset_dir to the directory that holds it, or give the data as a path:"
              + " dataset=path/to/rows.jsonl");
    }
    JsonNode root = StrictJson.value("'" + file + "'", StrictJson.bytes(file, MAX_BYTES));
    if (root.isArray()) {
      throw LatheException.user(
          "'" + file + "' is a list, the layout of ms-swift; wanted is a map from name to entry",
          "name the file of rows itself: dataset=path/to/rows.jsonl");
    }
    if (!root.isObject()) {
      throw LatheException.user(
          "'" + file + "' holds no JSON object", "see LLaMA-Factory's layout");
    }
    return new DatasetInfo(directory, root);
  }

  /// The entry of that name.
  DatasetSource source(String name) {
    JsonNode entry = entries.get(name);
    if (entry == null) {
      throw LatheException.notFound(
          "no data set '" + name + "' in '" + directory.resolve(FILE) + "'",
          "it has " + String.join(", ", names()));
    }
    List<String> problems = new ArrayList<>();
    Layout layout = layout(entry, problems);
    List<Path> files = files(entry, problems);
    if (!problems.isEmpty()) {
      throw LatheException.user(
          "data set '" + name + "' of " + FILE + " cannot be used: " + String.join("; ", problems),
          "change its entry");
    }
    return new DatasetSource(name, files, layout);
  }

  private Set<String> names() {
    Set<String> names = new TreeSet<>();
    entries.fieldNames().forEachRemaining(names::add);
    return names;
  }

  private static Layout layout(JsonNode entry, List<String> problems) {
    unknown(entry, KEYS, "key", problems);
    return new Layout(
        format(text(entry, "formatting", problems), problems),
        entry.has("columns") ? columns(entry.get("columns"), problems) : Columns.STANDARD,
        entry.has("tags") ? tags(entry.get("tags"), problems) : Tags.STANDARD,
        entry.path("ranking").asBoolean(false),
        samples(entry.get("num_samples"), problems));
  }

  private static Format format(@Nullable String name, List<String> problems) {
    return switch (name == null ? "alpaca" : name) {
      case "alpaca" -> Format.ALPACA;
      case "sharegpt" -> Format.SHAREGPT;
      case "openai" -> Format.OPENAI;
      default -> {
        problems.add("formatting '" + name + "' is none of alpaca, sharegpt, openai");
        yield Format.ALPACA;
      }
    };
  }

  private static Columns columns(JsonNode at, List<String> problems) {
    unknown(at, COLUMNS, "column", problems);
    return new Columns(
        text(at, "prompt", problems),
        text(at, "query", problems),
        text(at, "response", problems),
        text(at, "history", problems),
        text(at, "messages", problems),
        text(at, "system", problems),
        text(at, "tools", problems),
        text(at, "images", problems),
        text(at, "videos", problems),
        text(at, "audios", problems),
        text(at, "chosen", problems),
        text(at, "rejected", problems),
        text(at, "kto_tag", problems));
  }

  private static Tags tags(JsonNode at, List<String> problems) {
    unknown(at, TAGS, "tag", problems);
    return new Tags(
        text(at, "role_tag", problems),
        text(at, "content_tag", problems),
        text(at, "user_tag", problems),
        text(at, "assistant_tag", problems),
        text(at, "observation_tag", problems),
        text(at, "function_tag", problems),
        text(at, "system_tag", problems));
  }

  private static @Nullable Integer samples(@Nullable JsonNode node, List<String> problems) {
    if (node == null || node.isNull()) {
      return null;
    }
    if (!node.canConvertToInt() || node.intValue() < 1) {
      problems.add("num_samples " + node + " is no count of 1 or more");
      return null;
    }
    return node.intValue();
  }

  private List<Path> files(JsonNode entry, List<String> problems) {
    for (String remote : REMOTE) {
      if (entry.hasNonNull(remote)) {
        problems.add(
            remote
                + " is not supported, as data is not downloaded: save the rows as a file and name"
                + " it in file_name");
        return List.of();
      }
    }
    for (String key : List.of("subset", "folder")) {
      if (entry.hasNonNull(key)) {
        problems.add(key + " has no meaning for a file");
      }
    }
    if (entry.hasNonNull("split") && !entry.get("split").asText().equals("train")) {
      problems.add("split '" + entry.get("split").asText() + "' has no meaning for a file");
    }
    String name = text(entry, "file_name", problems);
    if (name == null) {
      problems.add("file_name is missing");
      return List.of();
    }
    return filesAt(directory.resolve(name), problems);
  }

  private static List<Path> filesAt(Path path, List<String> problems) {
    if (Files.isRegularFile(path)) {
      return List.of(path);
    }
    if (!Files.isDirectory(path)) {
      problems.add("there is no file '" + path + "'");
      return List.of();
    }
    try (Stream<Path> inside = Files.list(path)) {
      List<Path> files = inside.filter(Files::isRegularFile).sorted().toList();
      if (files.isEmpty()) {
        problems.add("the folder '" + path + "' is empty");
      }
      return files;
    } catch (IOException e) {
      throw LatheException.environment("cannot list '" + path + "': " + e.getMessage(), "", e);
    }
  }

  private static void unknown(JsonNode at, Set<String> known, String what, List<String> problems) {
    at.fieldNames()
        .forEachRemaining(key -> {
          if (!known.contains(key)) {
            problems.add(
                what + " '" + key + "' is none of " + String.join(", ", new TreeSet<>(known)));
          }
        });
  }

  private static @Nullable String text(JsonNode at, String key, List<String> problems) {
    JsonNode node = at.get(key);
    if (node == null || node.isNull()) {
      return null;
    }
    if (!node.isTextual()) {
      problems.add(key + " " + node + " is no string");
      return null;
    }
    return node.textValue();
  }
}
