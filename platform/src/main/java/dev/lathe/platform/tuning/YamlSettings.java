package dev.lathe.platform.tuning;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.Utf8;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Compose;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.NodeTuple;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;

/// Reads a recipe file, YAML or JSON, as one mapping from keys to scalars or lists of scalars.
///
/// Scalars are taken as they are written and understood by the key they belong to: `1e-4` is a
/// number, `no` a word or a truth value, whatever version of YAML one thinks in.
final class YamlSettings {
  private static final long LARGEST = 1 << 20;

  private final String name;
  private final List<String> problems;

  private YamlSettings(String name, List<String> problems) {
    this.name = name;
    this.problems = problems;
  }

  static List<Setting> read(Path file, List<String> problems) {
    String text = text(file);
    try {
      LoadSettings settings =
          LoadSettings.builder()
              .setLabel(file.toString())
              .setAllowDuplicateKeys(true)
              .setMaxAliasesForCollections(10)
              .build();
      Optional<Node> root = new Compose(settings).composeString(text);
      if (!(root.orElse(null) instanceof MappingNode mapping)) {
        throw LatheException.user(
            "'" + file + "' holds no mapping of keys to values", "write 'key: value' lines");
      }
      return new YamlSettings(String.valueOf(file.getFileName()), problems).settings(mapping);
    } catch (MarkedYamlEngineException e) {
      long line = e.getProblemMark().map(mark -> mark.getLine() + 1L).orElse(0L);
      throw LatheException.user(
          "'" + file + "' line " + line + " is no YAML: " + e.getProblem(), "correct the file");
    } catch (YamlEngineException e) {
      throw LatheException.user(
          "'" + file + "' is no YAML: " + e.getMessage(), "keep one document in the file");
    }
  }

  private static String text(Path file) {
    try {
      if (!Files.isRegularFile(file)) {
        throw LatheException.notFound("no recipe '" + file + "'", "correct the path");
      }
      if (Files.size(file) > LARGEST) {
        throw LatheException.user("'" + file + "' is larger than 1 MiB", "give a recipe file");
      }
      return Utf8.text(Files.readAllBytes(file));
    } catch (CharacterCodingException e) {
      throw LatheException.user("'" + file + "' is not valid UTF-8", "save it as UTF-8");
    } catch (IOException e) {
      throw LatheException.environment("cannot read '" + file + "': " + e.getMessage(), "", e);
    }
  }

  private List<Setting> settings(MappingNode mapping) {
    List<Setting> settings = new ArrayList<>();
    Set<String> seen = new HashSet<>();
    for (NodeTuple tuple : mapping.getValue()) {
      String origin = origin(tuple.getKeyNode());
      if (!(tuple.getKeyNode() instanceof ScalarNode key)) {
        problems.add(origin + ": a key is no word");
        continue;
      }
      if (!seen.add(key.getValue())) {
        problems.add(origin + ": '" + key.getValue() + "' stands twice");
        continue;
      }
      value(tuple.getValueNode())
          .ifPresentOrElse(
              value -> settings.add(new Setting(key.getValue(), value, origin)),
              () ->
                  problems.add(
                      origin + ": '" + key.getValue() + "' is a mapping; wanted is one value"));
    }
    return settings;
  }

  private static Optional<String> value(Node node) {
    if (node instanceof ScalarNode scalar) {
      return Optional.of(scalar.getValue());
    }
    if (node instanceof SequenceNode sequence) {
      List<String> parts = new ArrayList<>();
      for (Node part : sequence.getValue()) {
        if (!(part instanceof ScalarNode scalar)) {
          return Optional.empty();
        }
        parts.add(scalar.getValue());
      }
      return Optional.of(parts.isEmpty() ? "[]" : String.join(",", parts));
    }
    return node instanceof MappingNode mapping && mapping.getValue().isEmpty()
        ? Optional.of("")
        : Optional.empty();
  }

  private String origin(Node node) {
    return name + " line " + node.getStartMark().map(mark -> mark.getLine() + 1).orElse(0);
  }
}
