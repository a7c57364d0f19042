package dev.lathe.platform.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.compute.model.TinyModels;
import dev.lathe.platform.registry.StoredModel.State;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelStoreTest {
  @TempDir private Path home;
  @TempDir private Path elsewhere;
  private ModelStore store;
  private Path original;

  @BeforeEach
  void prepare() throws IOException {
    store = new ModelStore(home);
    original = elsewhere.resolve("tiny.gguf");
    Files.write(original, FakeHub.gguf(5_000));
  }

  private StoredModel pulled() {
    return store.pull("file:" + original);
  }

  @Test
  void aFileIsCopiedListedResolvedAndRemoved() {
    StoredModel model = pulled();

    assertThat(store.list()).containsExactly(model);
    assertThat(store.resolve("tiny")).isEqualTo(model.path()).hasBinaryContent(FakeHub.gguf(5_000));
    assertThat(store.resolve(model.path().toString())).isEqualTo(model.path());
    assertThat(store.remove("tiny")).isGreaterThan(5_000);
    assertThat(store.list()).isEmpty();
    assertThat(original).exists();
    assertThatThrownBy(() -> store.remove("tiny")).hasMessageContaining("no model or path 'tiny'");
  }

  @Test
  void aHardLinkTakesNoSpaceOfItsOwn() throws IOException {
    StoredModel model =
        store.pull(
            "file:" + original,
            PullOptions.DEFAULT.withPlacement(PullOptions.Placement.HARD_LINK).withName("linked"),
            PullListener.silent());

    assertThat(Files.isSameFile(model.path(), original)).isTrue();
    assertThat(store.resolve("linked")).isEqualTo(model.path());
  }

  @Test
  void aFolderIsTakenWithoutItsPickles() throws IOException {
    Path folder = Files.createDirectories(elsewhere.resolve("folder"));
    Files.writeString(folder.resolve("config.json"), "{}");
    Files.write(folder.resolve("model.safetensors"), new byte[100]);
    Files.write(folder.resolve("optimizer.pt"), new byte[100]);
    Files.writeString(folder.resolve("README.md"), "---\nlicense: apache-2.0\n---\n");

    StoredModel model = store.pull("file:" + folder);

    assertThat(model.format()).isEqualTo(ModelFormat.HUGGINGFACE);
    assertThat(model.licence()).isEqualTo("apache-2.0");
    assertThat(model.path().resolve("optimizer.pt")).doesNotExist();
    assertThat(store.identity(model.path())).isEqualTo(model.sha256());
    assertThat(store.identity(folder)).isEqualTo(model.sha256());
  }

  @Test
  void theIdentityIsTheOneThatTheCheckpointHasWhenOpened() {
    Path folder = TinyModels.llama(elsewhere.resolve("llama"), 5);

    StoredModel model = store.pull("file:" + folder);

    try (Checkpoint checkpoint = Checkpoint.open(store.resolve("llama"))) {
      assertThat(checkpoint.sha256()).isEqualTo(model.sha256());
    }
    assertThat(store.identity(folder)).isEqualTo(model.sha256());
    assertThat(model.weights()).isIn("F32", "BF16");
  }

  @Test
  void aChangedByteIsFoundAtTheFirstUse() throws IOException {
    StoredModel model = pulled();
    byte[] torn = FakeHub.gguf(5_000);
    torn[4_000] ^= 1;
    Files.write(model.path(), torn);

    assertThatThrownBy(() -> store.resolve("tiny"))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("model 'tiny' is damaged: 'tiny.gguf' has sha-256")
        .hasMessageContaining("lathe pull tiny --force");
  }

  @Test
  void aChangeAfterTheFirstUseIsFoundByItsTimeStamp() throws IOException {
    StoredModel model = pulled();
    store.resolve("tiny");
    byte[] torn = FakeHub.gguf(5_000);
    torn[4_000] ^= 1;
    Files.write(model.path(), torn);
    Files.setLastModifiedTime(model.path(), FileTime.from(Instant.parse("2030-01-01T00:00:00Z")));

    assertThatThrownBy(() -> store.resolve("tiny")).hasMessageContaining("damaged");
  }

  @Test
  void aFileThatWasHashedIsNotHashedAgainUntilItChanges() throws IOException {
    StoredModel model = pulled();
    store.resolve("tiny");
    FileTime stamp = Files.getLastModifiedTime(model.path());
    byte[] torn = FakeHub.gguf(5_000);
    torn[4_000] ^= 1;
    Files.write(model.path(), torn);
    Files.setLastModifiedTime(model.path(), stamp);

    assertThat(store.resolve("tiny")).isEqualTo(model.path());
    StoredModel checked = store.verify("tiny");
    assertThat(checked.state()).isEqualTo(State.DAMAGED);
    assertThat(checked.detail()).contains("sha-256");
  }

  @Test
  void aHalfOrMissingFileIsDamage() throws IOException {
    StoredModel model = pulled();
    Files.write(model.path(), new byte[10]);
    assertThatThrownBy(() -> store.resolve("tiny"))
        .hasMessageContaining("'tiny.gguf' has 10 bytes, its manifest says 5000");

    Files.delete(model.path());
    assertThatThrownBy(() -> store.resolve("tiny")).hasMessageContaining("'tiny.gguf' is missing");
    assertThat(store.list()).extracting(StoredModel::state).containsExactly(State.DAMAGED);
  }

  @Test
  void aFileThatNoPullBroughtIsDamage() throws IOException {
    Path folder = Disk.parent(pulled().path());
    Files.writeString(folder.resolve("chat_template.jinja"), "{{ 1 }}");

    assertThatThrownBy(() -> store.resolve("tiny"))
        .hasMessageContaining("'chat_template.jinja' is not in its manifest");
  }

  @Test
  void pullingADamagedModelMendsIt() throws IOException {
    StoredModel model = pulled();
    Files.write(model.path(), new byte[10]);

    store.pull("tiny");

    assertThat(store.resolve("tiny")).hasBinaryContent(FakeHub.gguf(5_000));
  }

  @Test
  void aTornManifestIsDamageAndNotACrash() throws IOException {
    StoredModel model = pulled();
    Path manifest = model.path().resolveSibling(Manifest.FILE);
    Files.writeString(manifest, Files.readString(manifest).substring(0, 40));

    assertThat(store.list()).extracting(StoredModel::state).containsExactly(State.DAMAGED);
    store.pull("file:" + original);
    assertThat(store.resolve("tiny")).hasBinaryContent(FakeHub.gguf(5_000));
  }

  @Test
  void anotherSourceUnderTheSameNameNeedsForce() throws IOException {
    pulled();
    Path other = Files.createDirectories(elsewhere.resolve("other")).resolve("tiny.gguf");
    Files.write(other, FakeHub.gguf(60));

    assertThatThrownBy(() -> store.pull("file:" + other))
        .hasMessageContaining("has 'tiny' from file:")
        .hasMessageContaining("--as");
  }

  @Test
  void anUnknownNameSuggestsTheNearest() {
    assertThatThrownBy(() -> store.pull("smollm2-135m-instuct"))
        .hasMessageContaining("did you mean 'smollm2-135m-instruct'?");
    assertThatThrownBy(() -> store.resolve("smollm2-135m-instuct"))
        .hasMessageContaining("did you mean 'smollm2-135m-instruct'?");
  }

  @Test
  void aKnownButAbsentNameSaysHowToPullIt() {
    assertThatThrownBy(() -> store.resolve("smollm2-135m-instruct"))
        .hasMessageContaining("run 'lathe pull smollm2-135m-instruct'");
    assertThatThrownBy(() -> store.resolve("HuggingFaceTB/SmolLM2-135M-Instruct"))
        .hasMessageContaining("run 'lathe pull smollm2-135m-instruct'");
    assertThatThrownBy(() -> store.resolve("org/some-model"))
        .hasMessageContaining("run 'lathe pull hf:org/some-model'");
  }

  @Test
  void pathsOutsideTheStoreResolveToThemselves() throws IOException {
    Path folder = Files.createDirectories(elsewhere.resolve("hf"));

    assertThat(store.resolve(folder.toString())).isEqualTo(folder);
    assertThat(store.resolve(original.toString())).isEqualTo(original);
    Path text = Files.writeString(elsewhere.resolve("a.txt"), "x");
    assertThatThrownBy(() -> store.resolve(text.toString()))
        .hasMessageContaining("neither a folder");
  }

  @Test
  void namesThatWouldLeaveTheStoreAreRefused() {
    assertThatThrownBy(() -> store.remove("../escape")).isInstanceOf(LatheException.class);
    assertThatThrownBy(() ->
            store.pull(
                "file:" + original, PullOptions.DEFAULT.withName(".."), PullListener.silent()))
        .hasMessageContaining("cannot be a model's name");
  }
}
