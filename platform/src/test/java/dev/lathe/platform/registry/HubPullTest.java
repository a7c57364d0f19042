package dev.lathe.platform.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lathe.compute.LatheException;
import dev.lathe.platform.registry.FakeHub.Fault;
import dev.lathe.platform.registry.SourceSettings.Patience;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class HubPullTest {
  private static final String SOURCE = "hf:org/tiny";
  private static final Patience PATIENT =
      new Patience(Duration.ofMinutes(2), Duration.ofMinutes(2), 4, Duration.ofMillis(5));

  private static final SourceSettings SETTINGS = SourceSettings.DEFAULT.withPatience(PATIENT);

  /// For a transfer that stalls.
  private static final Patience QUICK =
      new Patience(Duration.ofMinutes(2), Duration.ofSeconds(2), 4, Duration.ofMillis(5));

  @TempDir private Path home;
  private FakeHub hub;
  private Patience patience = PATIENT;
  private final RecordingListener heard = new RecordingListener();

  @BeforeEach
  void start() throws IOException {
    hub = new FakeHub().withModel();
  }

  @AfterEach
  void stop() {
    hub.close();
  }

  private ModelStore store(Optional<String> token) {
    return new ModelStore(
        home,
        SETTINGS
            .withHub(hub.endpoint(), token)
            .withModelScope(hub.endpoint())
            .withPatience(patience));
  }

  private StoredModel pull(String source) {
    return store(Optional.empty()).pull(source, PullOptions.DEFAULT, heard);
  }

  @Test
  void aRepositoryBecomesAFolderWithItsManifest() throws IOException {
    StoredModel model = pull(SOURCE);

    assertThat(model.name()).isEqualTo("org/tiny");
    assertThat(model.format()).isEqualTo(ModelFormat.HUGGINGFACE);
    assertThat(model.revision()).isEqualTo(FakeHub.COMMIT);
    assertThat(model.licence()).isEqualTo("apache-2.0");
    assertThat(model.state()).isEqualTo(StoredModel.State.UNVERIFIED);
    Path folder = store(Optional.empty()).resolve("org/tiny");
    assertThat(folder.resolve("model.safetensors")).hasBinaryContent(FakeHub.bytes(300_000, 7));
    assertThat(store(Optional.empty()).find("org/tiny").orElseThrow().state())
        .isEqualTo(StoredModel.State.VERIFIED);
    assertThat(heard.done.getLast()).isEqualTo(heard.total).isEqualTo(model.bytes());
    assertThat(home.resolve("models/.pulling")).isEmptyDirectory();
  }

  @Test
  void picklesAndSubfoldersAreNotTaken() {
    Path folder = pull(SOURCE).path();

    assertThat(folder)
        .isDirectoryNotContaining("glob:**pytorch_model.bin")
        .isDirectoryNotContaining("glob:**onnx");
    assertThat(hub.requestsOf("pytorch_model.bin")).isZero();
  }

  @ParameterizedTest
  @EnumSource(
      value = Fault.class,
      names = {"CUT", "STALL", "CUT_WITHOUT_RANGE", "BUSY"})
  void aTransferThatBreaksIsTriedAgainUntilItIsWhole(Fault fault) {
    hub.misbehaving(fault);
    patience = fault == Fault.STALL ? QUICK : PATIENT;

    Path folder = pull(SOURCE).path();

    assertThat(folder.resolve("model.safetensors")).hasBinaryContent(FakeHub.bytes(300_000, 7));
  }

  @Test
  void aBrokenTransferGoesOnFromWhereItWas() {
    hub.misbehaving(Fault.CUT);

    pull(SOURCE);

    assertThat(hub.seen)
        .filteredOn(seen -> seen.path().endsWith("model.safetensors"))
        .extracting(FakeHub.Seen::range)
        .satisfiesExactly(
            first -> assertThat(first).isEqualTo("null"),
            second -> assertThat(second).matches("bytes=[1-9][0-9]+-"));
  }

  @Test
  void aPullThatGaveUpIsResumedByTheNextOne() {
    hub.misbehaving(Fault.ALWAYS_CUT);
    ModelStore impatient =
        new ModelStore(
            home,
            SETTINGS
                .withHub(hub.endpoint(), Optional.empty())
                .withPatience(new Patience(PATIENT.connect(), PATIENT.stall(), 1, Duration.ZERO)));
    assertThatThrownBy(() -> impatient.pull("hf:org/tiny:w.gguf"))
        .isInstanceOf(LatheException.class);
    hub.with("w.gguf", FakeHub.gguf(200_000));
    assertThatThrownBy(() -> impatient.pull("hf:org/tiny:w.gguf"))
        .hasMessageContaining("failed 1 times in a row")
        .hasMessageContaining("goes on from where it was");
    assertThat(impatient.list())
        .singleElement()
        .extracting(StoredModel::state)
        .isEqualTo(StoredModel.State.PARTIAL);

    hub.misbehaving(Fault.NONE);
    StoredModel model = impatient.pull("hf:org/tiny:w.gguf");

    assertThat(model.path()).hasBinaryContent(FakeHub.gguf(200_000));
    assertThat(hub.seen)
        .extracting(FakeHub.Seen::range)
        .anyMatch(range -> range.matches("bytes=[1-9][0-9]+-"));
  }

  @Test
  void otherBytesThanAnnouncedAreRefused() {
    hub.misbehaving(Fault.CORRUPT);

    assertThatThrownBy(() -> pull(SOURCE))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("came with hash")
        .hasMessageContaining("announced was");
    assertThat(store(Optional.empty()).find("org/tiny")).isEmpty();
  }

  @Test
  void aHalfFileThatLooksWholeIsRefused() {
    hub.misbehaving(Fault.HALF);

    assertThatThrownBy(() -> pull(SOURCE)).hasMessageContaining("bytes early");
    assertThat(store(Optional.empty()).find("org/tiny")).isEmpty();
  }

  @Test
  void aStalePartThatDoesNotFitIsFetchedAgainFromTheStart() throws IOException {
    hub.misbehaving(Fault.ALWAYS_CUT);
    assertThatThrownBy(() -> pull(SOURCE)).isInstanceOf(LatheException.class);
    Path part;
    try (var files = Files.walk(home)) {
      part = files.filter(file -> file.toString().endsWith(".part")).findFirst().orElseThrow();
    }
    byte[] torn = Files.readAllBytes(part);
    torn[0] ^= 1;
    Files.write(part, torn);
    hub.misbehaving(Fault.NONE);

    Path folder = pull(SOURCE).path();

    assertThat(folder.resolve("model.safetensors")).hasBinaryContent(FakeHub.bytes(300_000, 7));
    assertThat(heard.notes).anyMatch(note -> note.contains("starting this file again"));
  }

  @Test
  void aGatedModelAsksForAToken() {
    hub.refusing(401, "GatedRepo");

    assertThatThrownBy(() -> pull(SOURCE))
        .hasMessageContaining("is gated (HTTP 401)")
        .hasMessageContaining("set HF_TOKEN");
    assertThatThrownBy(() -> store(Optional.of("secret")).pull(SOURCE))
        .hasMessageContaining("the token in HF_TOKEN has no access")
        .hasMessageNotContaining("secret");
  }

  @Test
  void eachRefusalSaysWhatItMeans() {
    hub.refusing(401, "RepoNotFound");
    assertThatThrownBy(() -> pull(SOURCE)).hasMessageContaining("not public or not there");
    hub.refusing(403, "");
    assertThatThrownBy(() -> pull(SOURCE)).hasMessageContaining("forbidden (HTTP 403)");
    hub.refusing(404, "RepoNotFound");
    assertThatThrownBy(() -> pull(SOURCE)).hasMessageContaining("is not there (HTTP 404)");
    hub.refusing(418, "");
    assertThatThrownBy(() -> pull(SOURCE)).hasMessageContaining("answered HTTP 418");
    hub.refusing(500, "");
    assertThatThrownBy(() -> pull(SOURCE)).hasMessageContaining("at last with: HTTP 500");
  }

  @Test
  void anUnknownRevisionIsNamedAndAKnownOneIsUsed() {
    assertThatThrownBy(() -> pull(SOURCE + "@nope")).hasMessageContaining("no revision 'nope'");

    assertThat(pull(SOURCE + "@v2").name()).isEqualTo("org/tiny@v2");
    assertThat(hub.seen)
        .extracting(FakeHub.Seen::path)
        .contains("/api/models/org/tiny/revision/v2");
  }

  @Test
  void theTokenGoesToTheHubAndNotToWhereItRedirects() throws IOException {
    try (FakeHub elsewhere = new FakeHub().withModel()) {
      hub.redirectingTo(elsewhere.endpoint());

      store(Optional.of("secret")).pull(SOURCE);

      assertThat(hub.seen).allMatch(seen -> seen.authorization().equals("Bearer secret"));
      assertThat(elsewhere.seen).isNotEmpty().allMatch(seen -> seen.authorization().equals("null"));
    }
  }

  @Test
  void aListingInPagesIsReadToItsEndAtTheSameEndpoint() {
    hub.inPagesOf(2);

    assertThat(pull(SOURCE).path().resolve("tokenizer.json")).exists();
  }

  @Test
  void aShardedModelIsPulledByItsIndex() {
    hub.with("model.safetensors.index.json", "{\"weight_map\":{\"a\":\"s1.safetensors\"}}")
        .with("s1.safetensors", FakeHub.bytes(1000, 1))
        .with("s2.safetensors", FakeHub.bytes(1000, 2));

    Path folder = pull(SOURCE).path();

    assertThat(folder.resolve("s1.safetensors")).exists();
    assertThat(folder.resolve("s2.safetensors")).doesNotExist();
    assertThat(folder.resolve("model.safetensors")).doesNotExist();
  }

  @Test
  void aRepositoryOfPicklesIsRefusedWithTheReason() throws IOException {
    try (FakeHub pickles = new FakeHub().with("config.json", "{}").with("w.bin", new byte[9])) {
      ModelStore store =
          new ModelStore(home, SETTINGS.withHub(pickles.endpoint(), Optional.empty()));

      assertThatThrownBy(() -> store.pull(SOURCE))
          .hasMessageContaining("only as pickle files (w.bin)")
          .hasMessageContaining("never loaded");
    }
  }

  @Test
  void aRepositoryWithSeveralGgufFilesAsksForOne() throws IOException {
    try (FakeHub ggufs =
        new FakeHub().with("a.gguf", FakeHub.gguf(50)).with("b.gguf", FakeHub.gguf(60))) {
      ModelStore store = new ModelStore(home, SETTINGS.withHub(ggufs.endpoint(), Optional.empty()));

      assertThatThrownBy(() -> store.pull(SOURCE)).hasMessageContaining("a.gguf, b.gguf");
      StoredModel model = store.pull(SOURCE + ":b.gguf");
      assertThat(model.format()).isEqualTo(ModelFormat.GGUF);
      assertThat(store.resolve(model.name())).hasBinaryContent(FakeHub.gguf(60));
    }
  }

  @Test
  void aFileThatIsNoGgufIsRefused() {
    hub.with("fake.gguf", FakeHub.bytes(100, 5));

    assertThatThrownBy(() -> pull(SOURCE + ":fake.gguf")).hasMessageContaining("is no GGUF file");
  }

  @Test
  void aListingWithoutHashesStillGivesAManifestWithThem() {
    hub.withoutHashes().misbehaving(Fault.CUT);

    StoredModel model = pull(SOURCE);

    assertThat(model.sha256()).matches("[0-9a-f]{64}");
    assertThat(hub.seen).extracting(FakeHub.Seen::range).containsOnly("null");
  }

  @Test
  void modelScopeGivesTheSameContentUnderTheSameIdentity() {
    StoredModel fromHub = pull(SOURCE);

    StoredModel fromModelScope = pull("modelscope:other/tiny");

    assertThat(fromModelScope.sha256()).isEqualTo(fromHub.sha256());
    assertThat(fromModelScope.licence()).isEqualTo("mit");
  }

  @Test
  void modelScopesRefusalsAreNamed() {
    hub.refusing(404, "");
    assertThatThrownBy(() -> pull("modelscope:o/r")).hasMessageContaining("not there (HTTP 404)");
    hub.refusing(403, "");
    assertThatThrownBy(() -> pull("modelscope:o/r")).hasMessageContaining("not public (HTTP 403)");
  }

  @Test
  @Timeout(value = 10, unit = TimeUnit.MINUTES)
  void aHubThatCannotBeReachedFailsAtOnce() throws IOException {
    Patience noFurther = new Patience(PATIENT.connect(), PATIENT.stall(), 5, Duration.ofHours(1));
    try (Socket closed = closedPort()) {
      ModelStore store =
          new ModelStore(
              home, SETTINGS.withHub(address(closed), Optional.empty()).withPatience(noFurther));

      assertThatThrownBy(() -> store.pull(SOURCE))
          .isInstanceOf(LatheException.class)
          .hasMessageContaining("cannot be reached");
    }
  }

  @Test
  void whereTheFirstSourceCannotBeReachedTheNextIsTriedAndOneLineSaysSo() throws IOException {
    Files.writeString(
        home.resolve("catalogue.yaml"),
        """
        models:
          mine:
            description: a test
            licence: MIT
            languages: [en]
            bytes: 1
            sources:
              - hf: org/tiny
              - modelscope: org/tiny
        """);
    StoredModel model;
    try (Socket closed = closedPort()) {
      ModelStore store =
          new ModelStore(
              home,
              SETTINGS.withHub(address(closed), Optional.empty()).withModelScope(hub.endpoint()));

      model = store.pull("mine", PullOptions.DEFAULT, heard);
    }

    assertThat(model.source()).isEqualTo("modelscope:org/tiny");
    assertThat(model.licence()).isEqualTo("MIT");
    assertThat(heard.notes)
        .filteredOn(note -> note.contains("trying modelscope:org/tiny"))
        .singleElement()
        .asString()
        .contains("cannot be reached");
  }

  @Test
  void aDiskWithoutRoomIsRefusedBeforeTheDownload() {
    ModelStore store =
        new ModelStore(home, SETTINGS.withHub(hub.endpoint(), Optional.empty()), _ -> 1_000);

    assertThatThrownBy(() -> store.pull(SOURCE))
        .hasMessageContaining("has 1.0 kB free")
        .extracting(e -> ((LatheException) e).kind())
        .isEqualTo(LatheException.Kind.CAPACITY);
    assertThat(hub.requestsOf("model.safetensors")).isZero();
  }

  @Test
  void twoPullsOfOneModelBringItOnce() throws Exception {
    hub.misbehaving(Fault.CUT_LATE);
    List<Thread> pulls = new java.util.ArrayList<>();
    for (int i = 0; i < 2; i++) {
      pulls.add(Thread.ofVirtual().start(() -> store(Optional.empty()).pull(SOURCE)));
    }
    for (Thread pull : pulls) {
      pull.join();
    }

    assertThat(hub.seen)
        .filteredOn(seen -> seen.path().endsWith("model.safetensors"))
        .extracting(FakeHub.Seen::range)
        .containsOnlyOnce("null");
    assertThat(store(Optional.empty()).resolve("org/tiny")).isDirectory();
  }

  @Test
  void aPullByForceBringsEveryByteAgain() {
    pull(SOURCE);

    store(Optional.empty())
        .pull("org/tiny", PullOptions.DEFAULT.withPresence(PullOptions.Presence.REPLACE), heard);

    assertThat(hub.requestsOf("model.safetensors")).isEqualTo(2);
    assertThat(home.resolve("models/.removed")).doesNotExist();
  }

  /// A port of this machine at which nobody listens, and nobody else will until it is closed.
  private static Socket closedPort() throws IOException {
    Socket socket = new Socket();
    socket.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    return socket;
  }

  private static URI address(Socket closed) {
    return URI.create("http://127.0.0.1:" + closed.getLocalPort());
  }
}
