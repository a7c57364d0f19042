package dev.lathe.platform.access;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lathe.compute.LatheException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ApiKeysTest {
  private static final Instant NOW = Instant.parse("2026-03-01T12:00:00Z");

  @TempDir private Path folder;
  private Path file;
  private ApiKeys keys;

  @BeforeEach
  void open() {
    file = folder.resolve("keys.json");
    keys = at(NOW);
  }

  private ApiKeys at(Instant time) {
    return ApiKeys.of(file, Clock.fixed(time, ZoneOffset.UTC));
  }

  private String created(String name) {
    return keys.create(name, Operation.USUAL, Optional.empty()).text();
  }

  @Test
  void keyOpensWhatItsScopesSayAndNothingElse() {
    String text = keys.create("a", Set.of(Operation.EMBED), Optional.empty()).text();

    Caller caller = keys.caller(text).orElseThrow();

    assertThat(caller.name()).isEqualTo("a");
    assertThat(caller.may(Operation.EMBED)).isTrue();
    assertThat(caller.may(Operation.LOOK)).isTrue();
    assertThat(caller.may(Operation.GENERATE)).isFalse();
  }

  @Test
  void neitherFileHoldsTheKeyOrItsSecret() throws IOException {
    String text = created("a");

    for (Path each : List.of(file, folder.resolve("keys.json.secret"))) {
      assertThat(new String(Files.readAllBytes(each), java.nio.charset.StandardCharsets.ISO_8859_1))
          .doesNotContain(text.substring(text.length() - 43));
      assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(each)))
          .isEqualTo("rw-------");
    }
  }

  @Test
  void keyWithOneLetterChangedIsNobodys() {
    String text = created("a");

    for (int i = 0; i < text.length(); i++) {
      char other = text.charAt(i) == 'b' ? 'c' : 'b';
      assertThat(keys.caller(text.substring(0, i) + other + text.substring(i + 1))).isEmpty();
    }
    assertThat(keys.caller("")).isEmpty();
    assertThat(keys.caller(text + "x")).isEmpty();
  }

  @Test
  void revokedKeyEndsForProcessesThatKnowItAlready() {
    String text = created("a");
    ApiKeys server = at(NOW);
    assertThat(server.caller(text)).isPresent();

    keys.revoke("a");

    assertThat(server.caller(text)).isEmpty();
    assertThat(server.exist()).isTrue();
    assertThat(server.list()).extracting(ApiKey::revoked).containsExactly(Optional.of(NOW));
  }

  @Test
  void keyExpiresAtItsTime() {
    String text = keys.create("a", Operation.USUAL, Optional.of(NOW.plusSeconds(60))).text();

    assertThat(at(NOW.plusSeconds(59)).caller(text)).isPresent();
    assertThat(at(NOW.plusSeconds(60)).caller(text)).isEmpty();
    assertThatThrownBy(() -> keys.create("b", Operation.USUAL, Optional.of(NOW)))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("expired");
  }

  @Test
  void callersOfDifferentKeysAreIsolatedAndOfOneAreNot() {
    String first = created("a");
    String second = created("b");

    assertThat(keys.caller(first).orElseThrow().isolation())
        .isEqualTo(at(NOW).caller(first).orElseThrow().isolation())
        .isNotEqualTo(keys.caller(second).orElseThrow().isolation());
  }

  @Test
  void nameIsTakenUntilItsKeyIsRevoked() {
    created("a");
    assertThatThrownBy(() -> created("a")).hasMessageContaining("there is a key 'a' already");

    keys.revoke("a");

    assertThat(created("a")).startsWith("sk-lathe-");
    assertThat(keys.list()).hasSize(2);
  }

  @Test
  void badNamesScopesAndKeysAreRefusedByName() {
    assertThatThrownBy(() -> created("a\nb")).isInstanceOf(LatheException.class);
    assertThatThrownBy(() -> Operation.ofScopes(List.of("embed", "generat", "look")))
        .hasMessageContaining("'generat', 'look'")
        .hasMessageContaining("did you mean 'generate'");
    assertThatThrownBy(() -> keys.revoke("nobody")).hasMessageContaining("no key 'nobody'");
  }

  @Test
  void filesThatOthersMayReadOrThatAreDamagedLetNobodyIn() throws IOException {
    String text = created("a");

    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"));
    assertThatThrownBy(() -> at(NOW).caller(text)).hasMessageContaining("chmod 600");

    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
    Files.writeString(file, "{\"format\": 1, \"keys\": [{\"id\": \"x\"");
    assertThatThrownBy(() -> at(NOW).caller(text)).isInstanceOf(LatheException.class);

    Files.writeString(file, "{\"format\": 1, \"keys\": []}");
    Files.delete(folder.resolve("keys.json.secret"));
    assertThatThrownBy(() -> at(NOW).caller(text)).hasMessageContaining("damaged");
  }

  @Test
  void keysMadeAtTheSameTimeAreAllKept() throws InterruptedException {
    List<Thread> threads =
        Stream.iterate(0, i -> i + 1)
            .limit(8)
            .map(i ->
                Thread.startVirtualThread(
                    () -> at(NOW).create("key " + i, Operation.USUAL, Optional.empty())))
            .toList();
    for (Thread thread : threads) {
      assertThat(thread.join(Duration.ofMinutes(5))).isTrue();
    }

    assertThat(new ArrayList<>(keys.list())).extracting(ApiKey::name).hasSize(8);
  }
}
