package dev.lathe.app;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleFinder;
import java.lang.module.ModuleReference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.spi.ToolProvider;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.junit.jupiter.api.Test;

/// What `packaging/` makes and says: the tree with its own Java, the image around it, the service.
class PackagingTest {
  private static final Path ROOT = Path.of(System.getProperty("lathe.root"));
  private static final Path PACKAGING = ROOT.resolve("packaging");

  /// Larger ones are the base and the libraries of others.
  private static final long SMALL_LAYER = 64 << 20;

  private static String read(String file) throws IOException {
    return Files.readString(PACKAGING.resolve(file));
  }

  private static String found(String pattern, String text) {
    var matcher = Pattern.compile(pattern, Pattern.MULTILINE).matcher(text);
    assertThat(matcher.find()).as(pattern).isTrue();
    return matcher.group(1);
  }

  /// The given modules and all that they require.
  private static Set<String> closure(List<String> modules) {
    ModuleFinder system = ModuleFinder.ofSystem();
    Set<String> all = new TreeSet<>();
    List<String> next = modules;
    while (!next.isEmpty()) {
      all.addAll(next);
      next =
          next.stream()
              .map(name -> system.find(name).orElseThrow())
              .map(ModuleReference::descriptor)
              .flatMap(descriptor -> descriptor.requires().stream())
              .map(ModuleDescriptor.Requires::name)
              .filter(name -> !all.contains(name))
              .distinct()
              .toList();
    }
    return all;
  }

  @Test
  void theBundledJavaHasEveryModuleThatTheClassesUse() throws IOException {
    Set<String> bundled =
        closure(List.of(found("^readonly modules=(.*)$", read("bundle")).split(",")));
    StringWriter out = new StringWriter();
    Stream<String> classes =
        Stream.of("compute", "training", "platform", "app")
            .map(module -> ROOT.resolve(module + "/target/classes").toString());
    String[] words =
        Stream.concat(
                Stream.of(
                    "--ignore-missing-deps", "--multi-release", "25", "-s", "-R", "--class-path"),
                Stream.concat(Stream.of(System.getProperty("java.class.path")), classes))
            .toArray(String[]::new);

    int code =
        ToolProvider.findFirst("jdeps")
            .orElseThrow()
            .run(new PrintWriter(out), new PrintWriter(out), words);

    assertThat(code).as(out.toString()).isZero();
    Set<String> used =
        Pattern.compile("-> (java\\.\\S+|jdk\\.\\S+)")
            .matcher(out.toString())
            .results()
            .map(match -> match.group(1))
            .collect(Collectors.toCollection(TreeSet::new));
    assertThat(used).contains("java.base", "jdk.incubator.vector");
    assertThat(bundled).containsAll(used);
  }

  @Test
  void theImageHasTheVersionOfTheProduct() throws IOException {
    assertThat(found("^  <version>(.*)</version>", read("pom.xml")))
        .isEqualTo(found("^  <version>(.*)</version>", Files.readString(ROOT.resolve("pom.xml"))));
  }

  @Test
  void theServiceUsesEveryVariableOfItsFileAndNoOther() throws IOException {
    String unit = read("lathe.service");
    Set<String> used =
        Pattern.compile("\\$(\\w+)")
            .matcher(found("^ExecStart=(.*)$", unit))
            .results()
            .map(match -> match.group(1))
            .collect(Collectors.toSet());
    Set<String> set =
        read("lathe.conf")
            .lines()
            .filter(line -> !line.startsWith("#"))
            .map(line -> line.substring(0, line.indexOf('=')))
            .collect(Collectors.toSet());

    assertThat(set).isEqualTo(used);
    assertThat(unit).contains("\nUser=lathe\n", "\nProtectSystem=strict\n");
  }

  @Test
  void theImageRunsTheLauncherAsAnotherUserThanRootAndWritesToItsVolumeOnly() throws IOException {
    String version = found("^  <version>(.*)</version>", read("pom.xml"));
    Path image = ROOT.resolve("app/target/lathe-" + version + "-image.tar");
    assumeTrue(Files.exists(image), "packaging/image was not run: there is no " + image);
    JsonNode config = MissingNode.getInstance();
    Map<String, String> files = new HashMap<>();
    try (TarArchiveInputStream archive =
        new TarArchiveInputStream(new BufferedInputStream(Files.newInputStream(image)))) {
      for (TarArchiveEntry entry; (entry = archive.getNextEntry()) != null; ) {
        if (entry.getName().equals("config.json")) {
          config = new ObjectMapper().readTree(archive.readAllBytes()).get("config");
        } else if (entry.getName().endsWith(".tar.gz") && entry.getSize() < SMALL_LAYER) {
          list(new ByteArrayInputStream(archive.readAllBytes()), files);
        }
      }
    }

    assertThat(config.path("User").asText()).isEqualTo("10001:10001");
    assertThat(config.get("Env").toString()).contains("\"HOME=/data\"", "\"LATHE_HOME=/data\"");
    assertThat(config.get("Entrypoint").toString()).isEqualTo("[\"/opt/lathe/lathe\"]");
    assertThat(config.get("Cmd").get(0).asText()).isEqualTo("serve");
    assertThat(config.get("Volumes").toString()).isEqualTo("{\"/data\":{}}");
    assertThat(config.get("ExposedPorts").toString()).isEqualTo("{\"8000/tcp\":{}}");
    assertThat(files.get("data/")).startsWith("777 ");
    assertThat(files).containsEntry("opt/lathe/lathe", "755 0 1");
    assertThat(files).containsEntry("opt/lathe/runtime/bin/java", "755 0 1");
    assertThat(files).containsEntry("opt/lathe/app/target/classes.aot", "644 0 1");
    assertThat(files).containsEntry("opt/lathe/app/target/lib/app-" + version + ".jar", "644 0 1");
  }

  /// Adds the names of a layer's files with their mode, owner, and time in seconds.
  private static void list(InputStream layer, Map<String, String> files) throws IOException {
    try (TarArchiveInputStream tar = new TarArchiveInputStream(new GZIPInputStream(layer))) {
      for (TarArchiveEntry entry; (entry = tar.getNextEntry()) != null; ) {
        long seconds = entry.getLastModifiedTime().to(TimeUnit.SECONDS);
        files.put(
            entry.getName(),
            "%o %d %d".formatted(entry.getMode() & 0777, entry.getLongUserId(), seconds));
      }
    }
  }
}
