package dev.lathe.platform.tuning;

import dev.lathe.compute.LatheException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;

/// Reads recipes. Every problem of a recipe is reported at once.
public final class RecipeParser {
  private final Keys keys = Keys.load();

  /// Every key that is obeyed, with the words that it takes; none where it takes anything.
  public SequencedMap<String, List<String>> words() {
    SequencedMap<String, List<String>> words = new LinkedHashMap<>();
    for (Key key : keys.all()) {
      if (key.use() instanceof Key.Use.Obeyed) {
        words.put(
            key.name(),
            switch (key.type()) {
              case Key.Type.Choice(List<String> names) -> names;
              case Key.Type.Flag() -> List.of("true", "false");
              case Key.Type.Whole _, Key.Type.Real _, Key.Type.Text _, Key.Type.Names _ ->
                  List.of();
            });
      }
    }
    return words;
  }

  /// The recipe of a command line as LLaMA-Factory's `train` takes it: `[recipe.yaml] [key=value]…
  /// [--key value]…`; what stands on the command line wins over the file.
  ///
  /// @throws LatheException naming every unknown, unsupported, malformed or missing key
  public Recipe parse(List<String> arguments) {
    List<String> problems = new ArrayList<>();
    CommandLineSettings line = CommandLineSettings.read(arguments, keys, problems);
    SequencedMap<String, Setting> given = new LinkedHashMap<>();
    line.file()
        .ifPresent(file ->
            YamlSettings.read(file, problems)
                .forEach(setting -> given.put(setting.key(), setting)));
    line.settings().forEach(setting -> given.put(setting.key(), setting));
    List<String> notes = new ArrayList<>();
    SequencedMap<String, String> values = check(given, problems, notes);
    Recipe recipe = new RecipeBuilder(keys, values, problems, notes).build();
    if (!problems.isEmpty()) {
      throw LatheException.user(
          (problems.size() == 1 ? "1 problem" : problems.size() + " problems")
              + " in the recipe:\n  "
              + String.join("\n  ", problems),
          "nothing was started");
    }
    return recipe;
  }

  /// Canonical values of the obeyed keys that were given.
  private SequencedMap<String, String> check(
      Map<String, Setting> given, List<String> problems, List<String> notes) {
    SequencedMap<String, String> values = new LinkedHashMap<>();
    for (Setting setting : given.values()) {
      keys.find(setting.key())
          .ifPresentOrElse(
              key -> check(key, setting, values, problems, notes),
              () ->
                  problems.add(
                      setting.origin()
                          + ": unknown key '"
                          + setting.key()
                          + "'"
                          + keys.nearest(setting.key())
                              .map(near -> ", nearest is '" + near + "'")
                              .orElse("")));
    }
    return values;
  }

  private static void check(
      Key key,
      Setting setting,
      Map<String, String> values,
      List<String> problems,
      List<String> notes) {
    String text = setting.value().strip();
    String label = setting.origin() + ": '" + key.name() + "' ";
    if (text.contains("${")) {
      problems.add(label + "refers to a variable, not supported: write the value itself");
      return;
    }
    try {
      switch (key.use()) {
        case Key.Use.Obeyed() -> {
          if (!isAbsent(key, text)) {
            values.put(key.name(), key.canonical(text));
          }
        }
        case Key.Use.WithoutEffect(String why) -> {
          if (!isAbsent(key, text)) {
            key.canonical(text);
            notes.add("'" + key.name() + "' has no effect here: " + why);
          }
        }
        case Key.Use.Unsupported(String what) -> {
          if (!Key.isNothing(text) && !isStandard(key, text)) {
            problems.add(
                label
                    + "is '"
                    + text
                    + "', not supported yet: "
                    + what
                    + (key.standard().isEmpty() ? "" : " (accepted is " + key.standard() + ")"));
          }
        }
      }
    } catch (IllegalArgumentException e) {
      problems.add(label + e.getMessage());
    }
  }

  private static boolean isAbsent(Key key, String text) {
    boolean nothing = Key.isNothing(text);
    boolean word =
        key.type() instanceof Key.Type.Choice(List<String> names)
            && (names.contains("none") || (names.contains("no") && text.equalsIgnoreCase("none")));
    return nothing && !(word && !text.isEmpty());
  }

  /// Whether the value is the key's default, compared as number, truth value or word.
  private static boolean isStandard(Key key, String text) {
    String standard = key.standard();
    if (text.equalsIgnoreCase(standard)) {
      return true;
    }
    try {
      return Double.parseDouble(text) == Double.parseDouble(standard);
    } catch (NumberFormatException notNumbers) {
      return (standard.equals("false") && text.matches("(?i)no|off|0|\\[\\]"))
          || (standard.equals("true") && text.matches("(?i)yes|on|1"))
          || (standard.isEmpty() && text.equals("[]"));
    }
  }
}
