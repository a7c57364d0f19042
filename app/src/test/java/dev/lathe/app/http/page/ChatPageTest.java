package dev.lathe.app.http.page;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.lathe.app.http.HttpServer;
import dev.lathe.app.http.Routes;
import dev.lathe.app.http.ServerLog;
import dev.lathe.app.http.ServerSettings;
import dev.lathe.app.http.Wire;
import dev.lathe.compute.StrictJson;
import dev.lathe.platform.access.ApiKeys;
import dev.lathe.platform.access.Operation;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The files of the chat page, as a server with a key gives them to a browser that has none.
class ChatPageTest {
  private static final Path SOURCES = Path.of(System.getProperty("lathe.root"), "app", "src");
  private static final Pattern REFERENCE =
      Pattern.compile("(?:src=|href=|from |fetch\\()[\"']([^\"']*)[\"']");
  private static final Pattern PLACE = Pattern.compile("\\{\\d}");

  @TempDir private static Path folder;
  private static HttpServer server;

  @BeforeAll
  static void start() {
    ApiKeys keys = ApiKeys.of(folder.resolve("keys.json"), Clock.systemUTC());
    keys.create("somebody", Operation.USUAL, Optional.empty());
    ServerLog log =
        new ServerLog() {
          @Override
          public void answered(Answered answered) {
            // not asked here
          }

          @Override
          public void departed(String id) {
            // not asked here
          }

          @Override
          public void defect(String id, @Nullable Throwable cause) {
            throw new AssertionError(id, cause);
          }
        };
    server =
        HttpServer.start(
            new ServerSettings(
                "127.0.0.1", 0, Optional.empty(), Set.of(), ServerSettings.Limits.USUAL),
            new Routes(ChatPage.routes()),
            keys,
            log);
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  private static Wire.Answer get(String path) throws IOException {
    try (Wire wire = new Wire(server.address())) {
      return wire.get(path).read();
    }
  }

  /// All files of the page by their names.
  private static Map<String, String> files() throws IOException {
    Map<String, String> files = new TreeMap<>();
    try (var list = Files.list(SOURCES.resolve("main/resources/dev/lathe/app/http/page"))) {
      for (Path file : (Iterable<Path>) list::iterator) {
        files.put(file.getFileName().toString(), Files.readString(file));
      }
    }
    return files;
  }

  @Test
  void everyFileIsServedWithItsTypeAndThePolicy() throws IOException {
    Map<String, String> types =
        Map.of(
            "html", "text/html; charset=utf-8",
            "css", "text/css; charset=utf-8",
            "js", "text/javascript; charset=utf-8",
            "json", "application/json",
            "svg", "image/svg+xml");
    for (Map.Entry<String, String> file : files().entrySet()) {
      String name = file.getKey();
      Wire.Answer answer = get(name.equals("index.html") ? "/" : "/page/" + name);

      assertThat(answer.status()).as(name).isEqualTo(200);
      assertThat(answer.body()).isEqualTo(file.getValue());
      assertThat(answer.header("Content-Type"))
          .isEqualTo(types.get(name.substring(name.lastIndexOf('.') + 1)));
      assertThat(answer.header("X-Content-Type-Options")).isEqualTo("nosniff");
      assertThat(answer.header("Content-Security-Policy"))
          .contains("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'")
          .doesNotContain("unsafe", "http", "data:", "*");
    }
    assertThat(get("/page/../ChatPage.class").status()).isIn(400, 404);
    assertThat(get("/page/index.html").status()).isEqualTo(404);
  }

  @Test
  void everyReferenceIsToAFileOfThePageOrARouteBelowIt() throws IOException {
    Map<String, String> files = files();
    for (Map.Entry<String, String> file : files.entrySet()) {
      Matcher reference = REFERENCE.matcher(file.getValue());
      while (reference.find()) {
        String target = reference.group(1);
        String name = target.replaceFirst("^(page/|\\./)", "");
        assertThat(target).as("in " + file.getKey()).doesNotContain("//").doesNotStartWith("/");
        assertThat(name.isEmpty() || name.equals("words.") || files.containsKey(name))
            .as(target + " in " + file.getKey())
            .isTrue();
      }
      assertThat(file.getValue()).as(file.getKey()).doesNotContain("@import", "url(");
    }
  }

  @Test
  void nothingIsReadAsHtmlAndNothingRunsFromWithinThePage() throws IOException {
    Map<String, String> files = files();
    for (Map.Entry<String, String> file : files.entrySet()) {
      assertThat(file.getValue())
          .as(file.getKey())
          .doesNotContain(
              "innerHTML",
              "outerHTML",
              "insertAdjacentHTML",
              "document.write",
              "DOMParser",
              "createContextualFragment",
              "eval(",
              "new Function",
              "setAttribute('on",
              "srcdoc");
    }
    assertThat(files.get("index.html"))
        .doesNotContainPattern("<style|\\sstyle=|\\son[a-z]+=|<script(?![^>]*\\ssrc=)|javascript:");
  }

  private static Map<String, String> words(String language) throws IOException {
    String file = "words." + language + ".json";
    JsonNode json =
        StrictJson.object(file, files().getOrDefault(file, "").getBytes(StandardCharsets.UTF_8));
    Map<String, String> words = new TreeMap<>();
    json.properties().forEach(each -> words.put(each.getKey(), each.getValue().textValue()));
    return words;
  }

  @Test
  void bothLanguagesHaveTheSameWordsWithTheSamePlacesAndAllAreUsed() throws IOException {
    Map<String, String> english = words("en");
    Map<String, String> chinese = words("zh");

    assertThat(chinese.keySet()).isEqualTo(english.keySet());
    english.forEach((key, text) -> {
      assertThat(text).as(key).isNotBlank();
      assertThat(chinese.get(key)).as(key).isNotBlank();
      assertThat(places(chinese.getOrDefault(key, ""))).as(key).isEqualTo(places(text));
    });
    String askers = files().get("index.html") + files().get("chat.js") + files().get("markdown.js");
    assertThat(asked(askers)).isSubsetOf(english.keySet());
    assertThat(english.keySet())
        .allMatch(key -> askers.contains("'" + key + "'") || askers.contains("\"" + key + "\""));
  }

  private static Set<String> places(String text) {
    Set<String> places = new TreeSet<>();
    PLACE.matcher(text).results().forEach(each -> places.add(each.group()));
    return places;
  }

  /// The keys that page and script certainly ask for.
  private static Set<String> asked(String askers) {
    Set<String> asked = new TreeSet<>();
    Pattern.compile("data-(?:word|hint|label)=\"(\\w+)\"|(?:word|button|keySays)\\('(\\w+)'")
        .matcher(askers)
        .results()
        .forEach(each -> asked.add(each.group(1) == null ? each.group(2) : each.group(1)));
    return asked;
  }

  @Test
  void markdownBecomesNodesAndStaysText() throws IOException, InterruptedException {
    Process node;
    try {
      node =
          new ProcessBuilder(
                  "node",
                  SOURCES.resolve("test/js/markdown.test.mjs").toString(),
                  SOURCES.resolve("main/resources/dev/lathe/app/http/page/markdown.js").toString())
              .redirectErrorStream(true)
              .start();
    } catch (IOException e) {
      assumeThat(e).as("there is no node on this machine to run the page's script").isNull();
      return;
    }
    boolean ended = node.waitFor(3 * Duration.ofMinutes(1).toSeconds(), TimeUnit.SECONDS);
    node.destroyForcibly();
    assertThat(ended).isTrue();
    assertThat(node.exitValue()).as(() -> new String(read(node), StandardCharsets.UTF_8)).isZero();
  }

  private static byte[] read(Process process) {
    try {
      return process.getInputStream().readAllBytes();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
