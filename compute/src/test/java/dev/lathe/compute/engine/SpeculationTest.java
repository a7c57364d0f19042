package dev.lathe.compute.engine;

import static dev.lathe.compute.engine.Streams.events;
import static dev.lathe.compute.engine.Streams.greedy;
import static dev.lathe.compute.engine.Streams.prompt;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.kernel.CacheType;
import dev.lathe.compute.kernel.Kernel;
import dev.lathe.compute.kernel.Storage;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.model.TinyModels;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SpeculationTest {
  private static final EngineSettings SETTINGS = new EngineSettings(Storage.BF16, 4, 2048, 2, 24);

  @TempDir Path folder;
  private Path directory;
  private Checkpoint model;

  @BeforeEach
  void openTinyModel() {
    directory = TinyModels.llama(folder.resolve("llama"), 11);
    model = Checkpoint.open(directory);
  }

  @AfterEach
  void close() {
    model.close();
  }

  private JavaEngine open(String kind, EngineSettings settings) {
    Optional<Drafter> drafter =
        switch (kind) {
          case "off" -> Optional.empty();
          case "look-up" -> Optional.of(new LookUpDrafter());
          case "itself" -> Optional.of(drafter(directory, settings));
          case "short" -> Optional.of(drafter(shortSighted(), settings));
          default ->
              Optional.of(drafter(TinyModels.llama(folder.resolve("another"), 12), settings));
        };
    return JavaEngine.open(model.config(), model.weights(), settings, Kernel.best(), drafter);
  }

  /// The model itself, with a context of 64 tokens.
  private Path shortSighted() {
    Path copy = TinyModels.llama(folder.resolve("short"), 11);
    try {
      Path config = copy.resolve("config.json");
      Files.writeString(config, Files.readString(config).replace(":512,", ":64,"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return copy;
  }

  /// Guesses of a model as if it were a tenth of the size.
  private static Drafter drafter(Path directory, EngineSettings settings) {
    Kernel kernel = Kernel.best();
    try (Checkpoint small = Checkpoint.open(directory)) {
      Runner runner = JavaRunner.open(small.config(), small.weights(), settings, kernel);
      return new ModelDrafter(
          runner, kernel, settings, small.config(), small.config().vocabulary(), 0.1);
    }
  }

  private static int[] repetitive(int length, int period) {
    int[] once = prompt(period, 3);
    int[] prompt = new int[length];
    for (int i = 0; i < length; i++) {
      prompt[i] = once[i % period];
    }
    return prompt;
  }

  /// Requests that use everything a guess could disturb.
  private List<Request> requests(JavaEngine engine) {
    Adapter adapter = RandomAdapters.of(model.config(), "a", 3, EnumSet.allOf(Projection.class), 5);
    String id = engine.adapters().add(adapter).id();
    Sampling lively = new Sampling(1.2, 0, 0.95, 0, 1, 77);
    Sampling penalised = new Sampling(0.8, 40, 1, 0.01, 1.2, 0.3, 0.4, Map.of(5, 2f), 78);
    List<Request> requests = new ArrayList<>();
    requests.add(greedy(repetitive(70, 7), null, 90));
    requests.add(greedy(prompt(30, 1), id, 90));
    requests.add(new Request(repetitive(40, 3), null, lively, 90, Set.of()));
    requests.add(new Request(prompt(20, 4), id, penalised, 90, Set.of()));
    requests.add(greedy(repetitive(33, 2), null, 90).withLogprobs(new Logprobs(3, 1, 20)));
    requests.add(
        new Request(repetitive(50, 5), null, lively, 90, Set.of(prompt(5, 3)[2]))
            .withMinTokens(12));
    requests.add(
        new Request(repetitive(50, 5), null, lively, 60, Set.of()).withConstraint(EveryOther::new));
    requests.add(greedy(new int[] {9}, null, 500));
    return requests;
  }

  /// Even and odd tokens take turns.
  private static final class EveryOther implements TokenConstraint {
    private int last = 1;

    @Override
    public void mask(long[] allowed) {
      for (int word = 0; word < allowed.length; word++) {
        allowed[word] &= last % 2 == 0 ? 0xAAAAAAAAAAAAAAAAL : 0x5555555555555555L;
      }
    }

    @Override
    public void accept(int token) {
      assertThat(token % 2).isNotEqualTo(last % 2);
      last = token;
    }

    @Override
    public boolean mayStop() {
      return true;
    }
  }

  private List<List<TokenEvent>> answers(String kind, EngineSettings settings)
      throws InterruptedException {
    List<List<TokenEvent>> answers = new ArrayList<>();
    try (JavaEngine engine = open(kind, settings)) {
      List<TokenStream> streams = requests(engine).stream().map(engine::submit).toList();
      for (TokenStream stream : streams) {
        answers.add(events(stream));
      }
      EngineStatus status = engine.status();
      assertThat(status.freePages() + status.cachedPages()).isEqualTo(status.pages());
      assertThat(status.acceptedTokens()).isLessThanOrEqualTo(status.draftedTokens());
      if (!kind.equals("off")) {
        assertThat(status.draftedTokens()).isPositive();
      }
    }
    return answers;
  }

  private static void assertSame(List<List<TokenEvent>> found, List<List<TokenEvent>> expected) {
    for (int request = 0; request < expected.size(); request++) {
      for (int event = 0; event < expected.get(request).size(); event++) {
        assertThat(found.get(request).get(event))
            .as("event %d of request %d", event, request)
            .isEqualTo(expected.get(request).get(event));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "look-up, BF16",
    "itself, BF16",
    "short, BF16",
    "another, BF16",
    "look-up, INT8",
    "itself, INT8"
  })
  void everyTokenLikelihoodAndEndIsTheSameWithAndWithout(String kind, CacheType type)
      throws Exception {
    EngineSettings settings = SETTINGS.withCacheType(type);

    assertSame(answers(kind, settings), answers("off", settings));
  }

  @ParameterizedTest
  @CsvSource({"look-up, BF16", "itself, BF16", "itself, INT8"})
  void theSameHoldsWhereStreamsPushOneAnotherOut(String kind, CacheType type) throws Exception {
    EngineSettings tight = new EngineSettings(Storage.BF16, 4, 544, 2, 10).withCacheType(type);

    assertSame(answers(kind, tight), answers("off", SETTINGS.withCacheType(type)));
  }

  @Test
  void aModelGuessesItsOwnGreedyTokensAndTakesFewerSteps() throws Exception {
    try (JavaEngine engine = open("itself", SETTINGS)) {
      List<TokenEvent> events = events(engine, greedy(prompt(60, 1), null, 200));

      EngineStatus status = engine.status();
      assertThat(events).hasSize(201);
      assertThat(status.acceptedTokens()).isEqualTo(status.draftedTokens()).isGreaterThan(20);
    }
  }

  @Test
  void nothingIsGuessedBehindTheContextOfTheDraftModel() throws Exception {
    try (JavaEngine engine = open("short", SETTINGS)) {
      events(engine, greedy(prompt(64, 1), null, 100));

      assertThat(engine.status().draftedTokens()).isZero();
    }
  }

  @Test
  void textThatRepeatsItselfIsGuessedByLookUp() throws Exception {
    Sampling same = new Sampling(0, 0, 1, 0, 1, 0, 0, Map.of(65, 100f), 0);
    try (JavaEngine engine = open("look-up", SETTINGS)) {
      events(engine, new Request(prompt(60, 1), null, same, 200, Set.of()));

      EngineStatus status = engine.status();
      assertThat(status.acceptedTokens()).as("always the same token").isGreaterThan(150);
    }
  }

  @Test
  void theLookUpTakesTheLongestMatchAndGoesOnWithItsGuesses() {
    Sequence sequence = new Sequence(new int[] {1, 2, 3, 9, 2, 3, 4, 1, 2, 3}, 30, 0);

    new LookUpDrafter().draft(List.of(sequence), new int[] {9});

    assertThat(Stream.iterate(10, i -> i + 1).limit(9).map(sequence::token))
        .containsExactly(9, 2, 3, 4, 1, 2, 3, 9, 2);
    Sequence fresh = new Sequence(new int[] {1, 2, 3, 4}, 30, 0);
    new LookUpDrafter().draft(List.of(fresh), new int[] {4});
    assertThat(fresh.drafted()).isZero();
  }

  @Test
  void guessesAreFewerWhereManyStreamsShareAStepOrBeliefIsLow() {
    assertThat(Speculator.count(0.9, 1, 0)).isEqualTo(Speculator.MOST);
    assertThat(Speculator.count(0.5, 1, 0)).isEqualTo(2);
    assertThat(Speculator.count(0.1, 1, 0)).isZero();
    assertThat(Speculator.count(0.9, 8, 0)).isBetween(3, 6);
    assertThat(Speculator.count(0.9, 64, 0)).isZero();
    assertThat(Speculator.count(ModelDrafter.FIRST_BELIEF, 1, 0.5)).as("taken").isPositive();
    assertThat(Speculator.count(ModelDrafter.FIRST_BELIEF, 1, 0.6)).as("refused").isZero();
    assertThat(Speculator.count(0.8, 1, 0.3)).isLessThan(Speculator.count(0.8, 1, 0));
  }

  @Test
  void aStreamThatCannotBeGuessedIsTriedAgainNowAndThen() {
    Speculator speculator = new Speculator(new LookUpDrafter());
    Sequence sequence = new Sequence(repetitive(20, 4), 1000, 0);
    int tries = 0;
    for (int token = 0; token < 600; token++) {
      speculator.draft(List.of(sequence));
      if (sequence.drafted() > 0) {
        tries++;
        speculator.checked(sequence, sequence.drafted(), 0, true);
        sequence.keepDrafts(0);
      }
    }

    assertThat((double) tries).isCloseTo(35, within(30.0));
    speculator.checked(sequence, 8, 8, false);
    speculator.draft(List.of(sequence));
    assertThat(sequence.drafted()).as("believed again").isGreaterThan(4);
  }

  @Test
  void aDraftModelThatCannotSaveTimeOrIsNotThereIsRefused() {
    assertThatThrownBy(() -> JavaEngine.open(model, SETTINGS, new Speculation.Draft(directory)))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("guessing would take longer than choosing");
    assertThatThrownBy(
            () -> JavaEngine.open(model, SETTINGS, new Speculation.Draft(folder.resolve("no"))))
        .isInstanceOf(LatheException.class);
  }
}
