package dev.lathe.app;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The launcher `lathe` in a checkout without Java sources, with scripts that play JDK and Maven.
class LauncherTest {
  private static final Path BASH = Path.of("/bin/bash");

  @TempDir Path folder;
  private Path checkout;
  private Path tools;

  @BeforeEach
  void layOut() throws IOException {
    assumeTrue(Files.isExecutable(BASH), "there is no bash");
    checkout = Files.createDirectories(folder.resolve("check out"));
    tools = Files.createDirectories(folder.resolve("tools"));
    String script =
        Files.readString(Path.of(System.getProperty("lathe.root"), "lathe"))
            .replaceAll("(?<=[ (])/(usr|opt|Library)/", folder + "/$1/");
    script(checkout.resolve("lathe"), script);
    Files.writeString(checkout.resolve("pom.xml"), "<project/>");
    for (String tool :
        List.of(
            "bash",
            "cat",
            "cp",
            "date",
            "find",
            "flock",
            "grep",
            "head",
            "mkdir",
            "mv",
            "readlink",
            "rm",
            "sed",
            "sleep",
            "touch")) {
      script(tools.resolve(tool), "#!/bin/bash\nexec " + which(tool) + " \"$@\"\n");
    }
  }

  private static Path which(String tool) {
    return Stream.of("/bin", "/usr/bin")
        .map(place -> Path.of(place, tool))
        .filter(Files::isExecutable)
        .findFirst()
        .orElseThrow(() -> new IllegalStateException("no " + tool));
  }

  private static void script(Path file, String text) throws IOException {
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
    assertThat(file.toFile().setExecutable(true)).isTrue();
  }

  /// A JDK whose `java` says how it was called.
  private Path jdk(String place, String version) throws IOException {
    Path home = folder.resolve(place);
    script(home.resolve("bin/java"), "#!/bin/bash\necho \"java of " + version + ": $*\"\nexit 7\n");
    script(home.resolve("bin/javac"), "#!/bin/bash\n");
    Files.writeString(
        home.resolve("release"), "IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"" + version + "\"\n");
    return home;
  }

  /// A Maven whose builds are written down in `builds`, and last as long as there is a file `hold`.
  private void maven(String version) throws IOException {
    script(
        tools.resolve("mvn"),
        """
        #!/bin/bash
        case "$*" in *-v) echo "Apache Maven %s (abc)"; exit ;; esac
        echo "$JAVA_HOME $*" >>'%s/builds'
        while [ -e '%s/hold' ]; do sleep 0.05; done
        mkdir -p '%s/app/target/lib'
        touch '%s/app/target/app-0.1.0.jar'
        """
            .formatted(version, folder, folder, checkout, checkout));
  }

  private record Started(Process process, Path err) {}

  private record Ended(int code, String out, String err) {}

  private Started start(Path command, Path from, Map<String, String> environment, String... rest)
      throws IOException {
    List<String> words = new ArrayList<>(List.of(BASH.toString(), command.toString()));
    words.addAll(Arrays.asList(rest));
    ProcessBuilder builder = new ProcessBuilder(words).directory(from.toFile());
    builder.environment().clear();
    builder.environment().put("PATH", tools.toString());
    builder.environment().put("HOME", folder.toString());
    builder.environment().putAll(environment);
    Path err = Files.createTempFile(folder, "err", ".txt");
    return new Started(builder.redirectError(err.toFile()).start(), err);
  }

  private static Ended end(Started started) throws IOException, InterruptedException {
    Process process = started.process;
    process.getOutputStream().close();
    String out = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor(5, TimeUnit.MINUTES)).isTrue();
    return new Ended(process.exitValue(), out, Files.readString(started.err));
  }

  private static String said(Started started) throws IOException {
    return Files.readString(started.err);
  }

  private Ended lathe(Map<String, String> environment, String... rest)
      throws IOException, InterruptedException {
    return end(start(checkout.resolve("lathe"), folder, environment, rest));
  }

  private long builds() throws IOException {
    Path builds = folder.resolve("builds");
    return Files.exists(builds)
        ? Files.readAllLines(builds).stream().filter(line -> line.contains("package")).count()
        : 0;
  }

  @Test
  void withoutAJdkItSaysWhereItLookedAndHowToGetOne() throws Exception {
    Ended ended = lathe(Map.of("JAVA_HOME", "/none"), "version");

    assertThat(ended.code()).isEqualTo(5);
    assertThat(ended.out()).isEmpty();
    assertThat(ended.err())
        .startsWith("lathe: a JDK 25 or later is needed and none was found (JAVA_HOME, ")
        .contains("\n  install one, e.g. Eclipse Temurin 25")
        .hasLineCount(2);
  }

  @Test
  void withOnlyOlderOnesItNamesThem() throws Exception {
    Path old = jdk("usr/lib/jvm/old", "17.0.9");
    Path older = jdk("home/older", "1.8.0_392");

    Ended ended = lathe(Map.of("JAVA_HOME", older.toString()), "version");

    assertThat(ended.code()).isEqualTo(5);
    assertThat(ended.err())
        .startsWith(
            "lathe: a JDK 25 or later is needed and older ones are there: 1 in "
                + older
                + ", 17 in "
                + old
                + "\n")
        .hasLineCount(2);
  }

  @ParameterizedTest
  @CsvSource({
    "usr/lib/jvm/a, 25",
    "usr/java/b, 25.0.1",
    "opt/c, 26-ea",
    ".sdkman/candidates/java/d, 25.0.3",
    ".jdks/e, 99.0"
  })
  void aJdkIsFoundInTheUsualFoldersEvenWhereJavaHomeIsOld(String place, String version)
      throws Exception {
    Path old = jdk("old", "21.0.2");
    jdk(place, version);
    maven("3.9.1");

    Ended ended = lathe(Map.of("JAVA_HOME", old.toString()), "version");

    assertThat(ended.code()).as(ended.err()).isEqualTo(7);
    assertThat(ended.out()).startsWith("java of " + version + ": ").endsWith("Main version\n");
  }

  @Test
  void javaHomeComesFirstAndThePathLast() throws Exception {
    maven("3.8.0");
    Path onPath = jdk("somewhere", "25.0.7");
    Files.createSymbolicLink(tools.resolve("java"), onPath.resolve("bin/java"));
    assertThat(lathe(Map.of(), "version").out()).startsWith("java of 25.0.7");

    jdk("opt/usual", "25.0.8");
    assertThat(lathe(Map.of(), "version").out()).startsWith("java of 25.0.8");

    Path home = jdk("mine", "25.0.9");
    assertThat(lathe(Map.of("JAVA_HOME", home.toString()), "version").out())
        .startsWith("java of 25.0.9");
  }

  @Test
  void aTreeWithAJavaOfItsOwnRunsWithItAndBuildsNothing() throws Exception {
    jdk("opt/jdk", "25.0.1");
    Path own = jdk("check out/runtime", "25.0.2");
    Files.delete(own.resolve("bin/javac"));
    Path lib = Files.createDirectories(checkout.resolve("app/target/lib"));
    for (String name : List.of("b", "a-1", "B", "a")) {
      Files.createFile(lib.resolve(name + ".jar"));
    }
    Files.createFile(checkout.resolve("app/target/built"));

    Ended ended = lathe(Map.of("LC_ALL", "C.UTF-8"), "version");

    assertThat(ended.out()).as(ended.err()).startsWith("java of 25.0.2: ");
    assertThat(ended.out())
        .contains(
            Stream.of("B", "a-1", "a", "b")
                .map(name -> lib + "/" + name + ".jar")
                .collect(Collectors.joining(":", "-cp ", " ")));
    Files.delete(checkout.resolve("app/target/built"));
    assertThat(lathe(Map.of(), "version").err()).contains("there is no Maven");
  }

  @Test
  void withoutMavenItSaysHowToGetIt() throws Exception {
    jdk("opt/jdk", "25");

    Ended ended = lathe(Map.of(), "version");

    assertThat(ended.code()).isEqualTo(5);
    assertThat(ended.err())
        .startsWith("lathe: Lathe must be built and there is no Maven on the PATH\n  install Maven")
        .hasLineCount(2);
  }

  @ParameterizedTest
  @CsvSource({"3.6.3", "3.7.99", "2.2.1"})
  void anOldMavenIsNamed(String version) throws Exception {
    jdk("opt/jdk", "25");
    maven(version);

    Ended ended = lathe(Map.of(), "version");

    assertThat(ended.code()).isEqualTo(5);
    assertThat(ended.err())
        .startsWith("lathe: Maven " + version + " was found, 3.8 or later is needed\n")
        .hasLineCount(2);
    assertThat(builds()).isZero();
  }

  @Test
  void aFailedBuildShowsItsErrorsAndWhereTheRestIs() throws Exception {
    jdk("opt/jdk", "25");
    script(
        tools.resolve("mvn"),
        """
        #!/bin/bash
        case "$*" in *-v) echo 'Apache Maven 4.0.0'; exit ;; esac
        echo '[INFO] chatter'; echo '[ERROR] no network'; exit 1
        """);

    Ended ended = lathe(Map.of(), "version");

    assertThat(ended.code()).isEqualTo(5);
    assertThat(ended.err())
        .contains("[ERROR] no network", "lathe: the build failed", "app/target/build.log")
        .doesNotContain("chatter");
  }

  @Test
  void twoFirstLaunchesAtOnceBuildOnce() throws Exception {
    jdk("opt/jdk", "25");
    maven("3.9.1");

    Path hold = Files.createFile(folder.resolve("hold"));
    Started first = start(checkout.resolve("lathe"), folder, Map.of(), "version");
    Started second = start(checkout.resolve("lathe"), folder, Map.of(), "models");
    for (int looks = 0; !(said(first) + said(second)).contains("waiting for it"); looks++) {
      assertThat(looks).isLessThan(6000);
      Thread.sleep(20);
    }
    Files.delete(hold);
    Ended one = end(first);
    Ended two = end(second);

    assertThat(builds()).isEqualTo(1);
    assertThat(one.out()).as(one.err()).contains("Main version");
    assertThat(two.out()).as(two.err()).contains("Main models");
    assertThat(one.err() + two.err())
        .containsOnlyOnce("building Lathe (first time")
        .containsOnlyOnce("another Lathe is building; waiting for it");
  }

  @Test
  void itBuildsAgainWhenASourceIsNewerAndElseNot() throws Exception {
    jdk("opt/jdk", "25");
    maven("3.9.1");
    Path source = checkout.resolve("app/src/main/java/A.java");
    Files.createDirectories(source.getParent());
    Files.writeString(source, "class A {}");

    lathe(Map.of(), "version");
    assertThat(lathe(Map.of(), "version").err()).isEmpty();
    assertThat(builds()).isEqualTo(1);
    Files.setLastModifiedTime(
        source, java.nio.file.attribute.FileTime.fromMillis(System.currentTimeMillis() + 60_000));

    assertThat(lathe(Map.of(), "version").err()).contains("again, the sources have changed");
    assertThat(builds()).isEqualTo(2);
  }

  @Test
  void itWorksThroughLinksAndFromAnyFolder() throws Exception {
    jdk("opt/jdk", "25");
    maven("3.9.1");
    Path bin = Files.createDirectories(folder.resolve("bin"));
    Path far = Files.createSymbolicLink(bin.resolve("far"), checkout.resolve("lathe"));
    Path near = Files.createSymbolicLink(bin.resolve("near"), Path.of("far"));

    for (Path from : List.of(folder, bin, checkout)) {
      Ended ended = end(start(near, from, Map.of(), "version", "two words", "*"));

      assertThat(ended.out())
          .as(ended.err())
          .contains("-Dlathe.root=" + checkout + " ")
          .contains("-Dlathe.command=" + near + " ")
          .endsWith("Main version two words *\n");
    }
    assertThat(far).exists();
    Ended relative = end(start(Path.of("lathe"), checkout, Map.of(), "version"));
    assertThat(relative.out()).contains("-Dlathe.root=" + checkout + " ");
  }

  @Test
  void furtherOptionsOfTheJvmReachIt() throws Exception {
    jdk("opt/jdk", "25");
    maven("3.9.1");

    assertThat(lathe(Map.of("LATHE_JAVA_OPTS", "-Xmx3g -Da=b"), "chat", "m").out())
        .contains(" -Xmx3g -Da=b ", "--add-modules jdk.incubator.vector")
        .endsWith("Main chat m\n");
    assertThat(lathe(Map.of(), "chat", "--help").out()).doesNotContain("incubator");
  }

  @Test
  void theCopyOfTheVectorApiIsUsedWithTheJdkItWasMadeFromOnly() throws Exception {
    jdk("opt/jdk", "25");
    maven("3.9.1");
    lathe(Map.of(), "version");
    Path copy = checkout.resolve("app/target/vector.jar");
    Files.writeString(copy, "classes");
    Path release = checkout.resolve("app/target/vector.jar.release");
    Files.copy(folder.resolve("opt/jdk/release"), release);

    assertThat(lathe(Map.of(), "chat", "m").out())
        .contains("-Xbootclasspath/a:" + copy + " ", "java.base/jdk.internal.vm.vector=ALL-UNNAMED")
        .doesNotContain("incubator", "lathe.stderr");
    Files.writeString(release, "another");
    assertThat(lathe(Map.of(), "chat", "m").out())
        .contains("--add-modules jdk.incubator.vector", "-Dlathe.stderr=3")
        .doesNotContain("bootclasspath");
  }

  @Test
  void testIsMavensVerifyOrOneModule() throws Exception {
    jdk("opt/jdk", "25");
    maven("3.9.1");

    assertThat(lathe(Map.of(), "test", "-Dslow").code()).isZero();
    assertThat(lathe(Map.of(), "test", "compute").code()).isZero();

    assertThat(Files.readAllLines(folder.resolve("builds")))
        .anyMatch(line -> line.endsWith("-B -Dslow verify"))
        .anyMatch(line -> line.contains("-pl compute -am") && line.endsWith(" test"));
  }
}
