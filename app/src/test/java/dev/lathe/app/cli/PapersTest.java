package dev.lathe.app.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.lathe.app.terminal.Screen;
import dev.lathe.compute.kernel.Storage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

/// What README and docs say about the command line, the files and the libraries is so.
class PapersTest {
  private static final Pattern LINK = Pattern.compile("\\]\\(([^)#:\\s]+)[^)\\s]*\\)");
  private static final Pattern LIBRARY = Pattern.compile("(.+?)-\\d[\\w.-]*\\.jar");
  private static final List<String> OF_JAVA =
      List.of("IllegalArgumentException", "IllegalStateException");
  private static final List<String> ONLY_FOR_TESTS =
      List.of(
          "junit",
          "assertj",
          "archunit",
          "byte-buddy",
          "opentest4j",
          "apiguardian",
          "jqwik",
          // the clients that are pointed at the server, and what they need
          "openai-java",
          "langchain4j",
          "okhttp",
          "okio",
          "kotlin",
          "annotations",
          "classmate",
          "jsonschema",
          "swagger",
          "jtokkit",
          "jackson-datatype",
          "jackson-module");

  @Test
  void everyLinkLeadsToAFile() throws IOException {
    for (String paper : Papers.all()) {
      Path folder = Papers.ROOT.resolve(paper).resolveSibling("");
      Matcher link = LINK.matcher(Papers.read(paper));
      while (link.find()) {
        assertThat(folder.resolve(link.group(1))).as("link in " + paper).exists();
      }
    }
  }

  @Test
  void everyCallInThePapersIsAVerbWithItsOwnOptions() throws IOException {
    List<String> wrong = new ArrayList<>();
    for (String paper : Papers.all()) {
      for (String call : Papers.calls(Papers.read(paper))) {
        wrongIn(call).forEach(what -> wrong.add(paper + ": lathe " + call + ": " + what));
      }
    }
    assertThat(wrong).isEmpty();
  }

  private static List<String> wrongIn(String call) {
    List<String> words = Arrays.asList(call.split("\\s+"));
    CommandLine lathe = commandLine();
    String verb = words.getFirst();
    if (verb.equals("VERB") || verb.startsWith("-")) {
      return List.of();
    }
    CommandLine command = lathe.getSubcommands().get(verb);
    if (command == null) {
      return List.of("there is no verb '" + verb + "'");
    }
    CommandLine called =
        words.size() > 1 ? command.getSubcommands().getOrDefault(words.get(1), command) : command;
    return words.stream()
        .filter(word -> word.startsWith("--") && !verb.equals("train"))
        .filter(word -> !called.getCommandSpec().optionsMap().containsKey(word))
        .map(word -> "it has no option " + word)
        .toList();
  }

  @Test
  void theTableOfVerbsIsTheCommandLine() {
    assertThat(Papers.table(Papers.read("docs/cli.md"), "## Verbs"))
        .extracting(row -> row.getFirst().replace("`", ""))
        .containsExactlyInAnyOrderElementsOf(commandLine().getSubcommands().keySet());
  }

  @Test
  void theTableOfWeightsNamesEveryWayOfKeepingThem() {
    List<String> names =
        Stream.of(Storage.values()).map(each -> each.name().toLowerCase(Locale.ROOT)).toList();

    assertThat(Papers.table(Papers.read("docs/cli.md"), "## Engines"))
        .extracting(row -> row.getFirst().split("`")[1])
        .containsExactlyElementsOf(names);
  }

  @Test
  void theTableOfExitCodesIsTheEnum() {
    Map<Integer, String> codes = new TreeMap<>();
    for (ExitCode code : ExitCode.values()) {
      codes.put(code.code(), code.meaning());
    }

    Map<Integer, String> written = new TreeMap<>();
    for (List<String> row : Papers.table(Papers.read("docs/cli.md"), "## Exit codes")) {
      written.put(Integer.valueOf(row.getFirst()), row.get(1));
    }
    assertThat(written).isEqualTo(codes);
  }

  @Test
  void theTableOfEnvironmentVariablesIsWhatIsRead() {
    String readers =
        Papers.read("app/src/main/java/dev/lathe/app/cli/Environment.java") + Papers.read("lathe");
    TreeSet<String> written = new TreeSet<>();
    for (List<String> row : Papers.table(Papers.read("docs/cli.md"), "## Environment variables")) {
      written.add(row.getFirst().replace("`", ""));
    }
    assertThat(written).allMatch(readers::contains);

    TreeSet<String> read = new TreeSet<>();
    Matcher name =
        Pattern.compile("\\b((?:LATHE|HF|MODELSCOPE)_[A-Z_]+|NO_COLOR)\\b").matcher(readers);
    while (name.find()) {
      read.add(name.group(1));
    }
    assertThat(written).containsAll(read);
  }

  @Test
  void theNoticeNamesEveryLibraryThatRunsAndNoOther() {
    TreeSet<String> libraries = new TreeSet<>();
    for (String entry : System.getProperty("java.class.path").split(":")) {
      Matcher library = LIBRARY.matcher(Path.of(entry).getFileName().toString());
      if (library.matches() && entry.contains(".m2")) {
        libraries.add(library.group(1));
      }
    }
    libraries.removeIf(name -> ONLY_FOR_TESTS.stream().anyMatch(name::startsWith));

    TreeSet<String> named = new TreeSet<>();
    String section = Papers.read("NOTICE").split("Used at run time|Used for building")[1];
    section
        .lines()
        .filter(line -> line.matches(" {2}\\S.*"))
        .forEach(line -> Stream.of(line.strip().split(" {3,}")[0].split(", ")).forEach(named::add));
    assertThat(named).isEqualTo(libraries);
  }

  @Test
  void theArchitecturePaperIsShortAndNamesOnlyTypesThatExist() throws IOException {
    String paper = Papers.read("ARCHITECTURE.md");

    assertThat(paper.lines().count()).isLessThanOrEqualTo(150);
    List<Path> sources = sources();
    Stream<String> types =
        Papers.codes(paper).stream()
            .filter(code -> code.matches("[A-Z][a-z]\\w*"))
            .filter(code -> !OF_JAVA.contains(code));
    assertThat(types)
        .isNotEmpty()
        .allMatch(
            type -> sources.stream().anyMatch(file -> file.endsWith(type + ".java")), "exists");
  }

  private static List<Path> sources() throws IOException {
    List<Path> sources = new ArrayList<>();
    for (String module : List.of("compute", "training", "platform", "app")) {
      try (Stream<Path> files = Files.walk(Papers.ROOT.resolve(module).resolve("src"))) {
        files.filter(file -> file.toString().endsWith(".java")).forEach(sources::add);
      }
    }
    return sources;
  }

  private static CommandLine commandLine() {
    PrintStream nowhere = new PrintStream(new ByteArrayOutputStream(), true, UTF_8);
    Screen screen = new Screen(nowhere, nowhere, "", false, 80);
    return Main.commandLine(new Context(Environment.of(Map.of()), screen));
  }
}
