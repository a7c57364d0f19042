package dev.lathe.app;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.library.dependencies.SlicesRuleDefinition;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class ArchitectureTest {
  private static final String ROOT = "dev.lathe.";
  private static final Path TREE = Path.of(System.getProperty("lathe.root"));
  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages("dev.lathe");

  /// Which packages each package may use, beside itself and `dev.lathe.compute`; `x.*` stands for
  /// every package of a module.
  private static final Map<String, Set<String>> MAY_USE =
      Map.ofEntries(
          row("compute"),
          row("compute.weights"),
          row("compute.model", "compute.weights"),
          row("compute.jinja"),
          row("compute.text", "compute.jinja", "compute.model", "compute.weights"),
          row("compute.adapter", "compute.model", "compute.weights"),
          row("compute.grammar"),
          row("compute.tool", "compute.grammar", "compute.text"),
          row("compute.kernel", "compute.weights"),
          row(
              "compute.engine",
              "compute.adapter",
              "compute.kernel",
              "compute.model",
              "compute.weights"),
          row("training.tensor", "compute.weights"),
          row("training.model", "training.tensor", "compute.*"),
          row("training.fused", "training.model", "training.tensor", "compute.*"),
          row(
              "training.trainer",
              "training.fused",
              "training.model",
              "training.tensor",
              "compute.*"),
          row("training.runner", "training.model", "training.tensor", "compute.*"),
          row("platform.registry", "compute.weights"),
          row("platform.dataset"),
          row("platform.tuning", "platform.dataset", "training.*", "compute.*"),
          row(
              "platform.gateway",
              "compute.adapter",
              "compute.engine",
              "compute.grammar",
              "compute.model",
              "compute.text",
              "compute.tool"),
          row("platform.access"),
          row("platform.evaluation", "platform.gateway", "compute.engine"),
          row("app"),
          row("app.terminal", "platform.evaluation"),
          row("app.chat", "app.terminal", "platform.gateway", "compute.engine", "compute.text"),
          row("app.demo", "platform.evaluation", "platform.tuning", "compute.adapter"),
          row("app.load"),
          row("app.http", "platform.access"),
          row("app.http.serving", "app.http", "platform.access", "platform.gateway", "compute.*"),
          row(
              "app.http.ollama",
              "app.http",
              "app.http.serving",
              "platform.access",
              "platform.gateway",
              "compute.*"),
          row(
              "app.http.openai",
              "app.http",
              "app.http.serving",
              "platform.access",
              "platform.gateway",
              "compute.*"),
          row("app.http.page", "app.http", "platform.access"),
          row(
              "app.http.service",
              "app.http",
              "app.http.ollama",
              "app.http.openai",
              "app.http.page",
              "app.http.serving",
              "platform.access",
              "platform.gateway",
              "compute.engine"),
          row(
              "app.cli",
              "app.*",
              "platform.*",
              "training.runner",
              "training.tensor",
              "training.trainer",
              "compute.*"));

  private static Map.Entry<String, Set<String>> row(String user, String... used) {
    return Map.entry(user, Set.of(used));
  }

  @Test
  void everyArrowBetweenPackagesIsInTheTable() {
    Set<String> outside = new TreeSet<>();
    for (JavaClass type : CLASSES) {
      for (Dependency dependency : type.getDirectDependenciesFromSelf()) {
        String from = shortName(type);
        String to = shortName(dependency.getTargetClass());
        if (!to.isEmpty() && !mayUse(from, to)) {
          outside.add(from + " -> " + to + ": " + dependency.getDescription());
        }
      }
    }

    assertThat(outside).isEmpty();
  }

  @Test
  void everyPackageIsInTheTable() {
    Set<String> packages =
        CLASSES.stream().map(ArchitectureTest::shortName).collect(Collectors.toSet());

    assertThat(packages).isSubsetOf(MAY_USE.keySet());
  }

  @Test
  void packagesHaveNoCycles() {
    SlicesRuleDefinition.slices()
        .matching("dev.lathe.(**)")
        .should()
        .beFreeOfCycles()
        .check(CLASSES);
  }

  @Test
  void onlyTrainingSeesLibTorch() {
    noClasses()
        .that(
            resideInAPackage("dev.lathe.compute..")
                .or(resideInAPackage("dev.lathe.platform.."))
                .or(resideInAPackage("dev.lathe.app..")))
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("org.bytedeco..")
        .check(CLASSES);
  }

  @Test
  void onlyTheAppReadsEnvironmentVariables() {
    noClasses()
        .that()
        .resideOutsideOfPackage("dev.lathe.app..")
        .should()
        .callMethod(System.class, "getenv")
        .orShould()
        .callMethod(System.class, "getenv", String.class)
        .check(CLASSES);
  }

  @Test
  void thePaperShowsThePackagesAndTheirArrows() throws IOException {
    Map<String, Set<String>> shown = new TreeMap<>();
    for (String line : Files.readAllLines(TREE.resolve("ARCHITECTURE.md"))) {
      Matcher row = Pattern.compile("\\| `([a-z.]+)` \\| .* \\|([^|]*)\\|").matcher(line);
      if (row.matches() && row.group(1).contains(".")) {
        shown.put(row.group(1), quoted(row.group(2)));
      }
    }

    Map<String, Set<String>> table = new TreeMap<>(MAY_USE);
    table.remove("compute");
    table.remove("app");
    assertThat(shown).isEqualTo(table);
  }

  @Test
  void thePapersNameOnlyTypesThatExist() throws IOException {
    Set<String> types = CLASSES.stream().map(JavaClass::getSimpleName).collect(Collectors.toSet());
    Set<String> tests = tests();
    Set<String> unknown = new TreeSet<>();
    for (String paper : List.of("ARCHITECTURE.md", "CONTRIBUTING.md")) {
      for (String name : quoted(Files.readString(TREE.resolve(paper)))) {
        if (name.matches("[A-Z][a-z]+[A-Za-z]*")
            && !types.contains(name)
            && !tests.contains(name)
            && !isJava(name)) {
          unknown.add(paper + ": " + name);
        }
      }
    }

    assertThat(unknown).isEmpty();
  }

  @Test
  void noFileNamesAFolderOfSomebodysMachine() throws IOException {
    Pattern local = Pattern.compile("(?<![\\w.])/(home|root|Users|work)/\\w");
    Set<String> found = new TreeSet<>();
    try (Stream<Path> files = Files.walk(TREE)) {
      for (Path file : files.filter(ArchitectureTest::isOurs).toList()) {
        if (local.matcher(Files.readString(file)).find()) {
          found.add(TREE.relativize(file).toString());
        }
      }
    }

    assertThat(found).isEmpty();
  }

  private static boolean isOurs(Path file) {
    String path = "/" + TREE.relativize(file);
    return Files.isRegularFile(file)
        && !path.matches(".*/(target|node_modules|runs|\\.git|\\.idea)/.*|/\\.git")
        && path.matches(".*(\\.(java|xml|md|yaml|yml|json|sh|py|mjs|css|html)|/lathe|/run)");
  }

  private static boolean isJava(String name) {
    return ModuleLayer.boot().findModule("java.base").orElseThrow().getPackages().stream()
        .filter(each -> each.startsWith("java."))
        .anyMatch(each ->
            Object.class.getResource("/" + each.replace('.', '/') + "/" + name + ".class") != null);
  }

  /// Names of the files in the test folders, whose classes are not imported.
  private static Set<String> tests() throws IOException {
    Set<String> names = new TreeSet<>();
    for (String module : List.of("compute", "training", "platform", "app")) {
      try (Stream<Path> files = Files.walk(TREE.resolve(module).resolve("src/test"))) {
        files.forEach(file -> names.add(String.valueOf(file.getFileName()).replace(".java", "")));
      }
    }
    return names;
  }

  private static Set<String> quoted(String text) {
    Matcher names = Pattern.compile("`([^`\\s]+)`").matcher(text);
    Set<String> found = new TreeSet<>();
    while (names.find()) {
      found.add(names.group(1));
    }
    return found;
  }

  private static String shortName(JavaClass type) {
    String name = type.getPackageName();
    return name.startsWith(ROOT) ? name.substring(ROOT.length()) : "";
  }

  private static boolean mayUse(String from, String to) {
    if (from.equals(to) || to.equals("compute")) {
      return true;
    }
    Set<String> allowed = MAY_USE.getOrDefault(from, Set.of());
    String module = to.substring(0, Math.max(0, to.indexOf('.')));
    return allowed.contains(to) || allowed.contains(module + ".*");
  }
}
