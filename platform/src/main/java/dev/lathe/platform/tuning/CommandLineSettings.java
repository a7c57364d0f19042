package dev.lathe.platform.tuning;

import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/// Reads the command line of LLaMA-Factory's `train`: a recipe file, `key=value`, `--key value`,
/// `--key=value`, `--flag`, in any order; dashes inside a key are as good as underscores.
///
/// @param file the recipe file, where one was named
/// @param settings in the order given
record CommandLineSettings(Optional<Path> file, List<Setting> settings) {
  private static final Pattern KEY_VALUE = Pattern.compile("(?s)([A-Za-z][A-Za-z0-9_-]*)=(.*)");
  private static final Pattern NUMBER = Pattern.compile("-[0-9.].*");
  private static final String ORIGIN = "command line";

  static CommandLineSettings read(List<String> arguments, Keys keys, List<String> problems) {
    Reader reader = new Reader(keys, problems, new ArrayDeque<>(arguments));
    while (!reader.rest.isEmpty()) {
      reader.next();
    }
    return new CommandLineSettings(reader.file, reader.settings);
  }

  private static final class Reader {
    private final Keys keys;
    private final List<String> problems;
    private final Deque<String> rest;
    private final List<Setting> settings = new ArrayList<>();
    private final Set<String> seen = new HashSet<>();
    private Optional<Path> file = Optional.empty();

    Reader(Keys keys, List<String> problems, Deque<String> rest) {
      this.keys = keys;
      this.problems = problems;
      this.rest = rest;
    }

    void next() {
      String argument = rest.removeFirst();
      boolean option = argument.startsWith("--");
      var pair = KEY_VALUE.matcher(option ? argument.substring(2) : argument);
      if (pair.matches()) {
        add(name(pair.group(1)), pair.group(2));
      } else if (option) {
        option(name(argument.substring(2)));
      } else {
        file(argument);
      }
    }

    private void option(String name) {
      boolean flag = keys.find(name).map(key -> key.type() instanceof Key.Type.Flag).orElse(false);
      String next = rest.peekFirst();
      boolean hasValue = next != null && (!next.startsWith("-") || NUMBER.matcher(next).matches());
      if (flag) {
        add(name, hasValue && isFlagValue(name, next) ? rest.removeFirst() : "true");
      } else if (hasValue) {
        add(name, rest.removeFirst());
      } else {
        add(name, "true");
      }
    }

    private boolean isFlagValue(String name, String text) {
      try {
        keys.find(name).orElseThrow().canonical(text);
        return true;
      } catch (IllegalArgumentException e) {
        return false;
      }
    }

    private void file(String argument) {
      String lower = argument.toLowerCase(Locale.ROOT);
      boolean recipe = lower.endsWith(".yaml") || lower.endsWith(".yml") || lower.endsWith(".json");
      if (!recipe) {
        problems.add(
            ORIGIN + ": '" + argument + "' is neither a recipe (.yaml) nor key=value nor --key");
      } else if (file.isPresent()) {
        problems.add(ORIGIN + ": '" + argument + "' is a second recipe beside " + file.get());
      } else {
        file = Optional.of(Path.of(argument));
      }
    }

    private void add(String name, String value) {
      if (seen.add(name)) {
        settings.add(new Setting(name, value, ORIGIN));
      } else {
        problems.add(ORIGIN + ": '" + name + "' is given twice");
      }
    }

    private static String name(String text) {
      return text.replace('-', '_');
    }
  }
}
