package dev.lathe.compute.engine;

import static dev.lathe.compute.engine.Streams.events;
import static dev.lathe.compute.engine.Streams.generate;
import static dev.lathe.compute.engine.Streams.greedy;
import static dev.lathe.compute.engine.Streams.in;
import static dev.lathe.compute.engine.Streams.prompt;
import static org.assertj.core.api.Assertions.assertThat;

import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.kernel.CacheType;
import dev.lathe.compute.kernel.Storage;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.model.TinyModels;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

@ParameterizedClass
@EnumSource(names = {"BF16", "INT8"})
class PrefixCacheTest {
  private static final Logprobs EXACT = Logprobs.ofOutput(20);

  @TempDir Path folder;
  @Parameter private CacheType type = CacheType.BF16;
  private EngineSettings settings;
  private Checkpoint model;
  private JavaEngine engine;

  @BeforeEach
  void open() {
    model = Checkpoint.open(TinyModels.llama(folder.resolve("llama"), 11));
    settings = new EngineSettings(Storage.BF16, 4, 2048, 2, 24).withCacheType(type);
    engine = JavaEngine.open(model, settings);
  }

  @AfterEach
  void close() {
    engine.close();
    model.close();
  }

  /// What an engine says that never saw anything else.
  private List<TokenEvent> fresh(Request request, Adapter... adapters) throws InterruptedException {
    try (JavaEngine other = JavaEngine.open(model, settings)) {
      for (Adapter adapter : adapters) {
        other.adapters().add(adapter);
      }
      return events(other, request);
    }
  }

  private static Request exact(int[] prompt, @Nullable String adapter, String scope) {
    return greedy(prompt, adapter, 12).withLogprobs(EXACT).withTerms(Terms.PLAIN.withScope(scope));
  }

  @Test
  void answersFromCachedPagesAreEqualToTheLastBit() throws Exception {
    int[] prompt = prompt(200, 1);
    Request request = exact(prompt, null, "a");
    List<TokenEvent> first = events(engine, request);
    long reused = engine.status().reusedTokens();

    List<TokenEvent> again = events(engine, request);

    assertThat(again).isEqualTo(first);
    assertThat(engine.status().reusedTokens() - reused).isEqualTo(192);
    int[] longer = Arrays.copyOf(prompt, 260);
    assertThat(events(engine, exact(longer, null, "a"))).isEqualTo(fresh(exact(longer, null, "a")));
  }

  @Test
  void aStreamTellsHowMuchOfItsPromptWasCached() throws Exception {
    Request request = greedy(prompt(200, 7), null, 2).withTerms(Terms.PLAIN.withScope("told"));
    for (int cached : new int[] {0, 192}) {
      try (TokenStream stream = engine.submit(request)) {
        stream.next();
        assertThat(stream.cachedTokens()).isEqualTo(cached);
      }
    }
  }

  @Test
  void theNextTurnOfAConversationReusesPromptAndAnswer() throws Exception {
    int[] prompt = prompt(90, 2);
    List<Integer> answer = generate(engine, greedy(prompt, null, 70));
    int[] next = Arrays.copyOf(Streams.joined(prompt, answer), 180);

    Request request = exact(next, null, "");

    assertThat(events(engine, request)).isEqualTo(fresh(request));
    assertThat(engine.status().reusedTokens()).isEqualTo(128);
  }

  @Test
  void nothingIsReusedFromAnotherScopeOrAdapter() throws Exception {
    Adapter one = RandomAdapters.of(model.config(), "one", 4, EnumSet.allOf(Projection.class), 1);
    Adapter two = RandomAdapters.of(model.config(), "two", 4, EnumSet.allOf(Projection.class), 2);
    int[] prompt = prompt(200, 3);
    List<Request> requests =
        List.of(
            exact(prompt, null, "a"),
            exact(prompt, null, "b"),
            exact(prompt, in(engine, one), "a"),
            exact(prompt, in(engine, two), "a"),
            exact(prompt, in(engine, one), "b"));

    for (Request request : requests) {
      assertThat(events(engine, request)).isEqualTo(fresh(request, one, two));
      assertThat(engine.status().reusedTokens()).isZero();
    }
    for (Request request : requests) {
      assertThat(events(engine, request)).isEqualTo(fresh(request, one, two));
    }
    assertThat(engine.status().reusedTokens()).isEqualTo(5 * 192);
  }

  @Test
  void scoringAPromptComputesItAnew() throws Exception {
    int[] prompt = prompt(150, 4);
    Request scoring = Request.scoring(prompt, null, Logprobs.ofPrompt(2));
    List<TokenEvent> first = events(engine, scoring);

    assertThat(events(engine, scoring)).isEqualTo(first).hasSize(150);
    assertThat(engine.status().reusedTokens()).isZero();
    events(engine, Request.scoring(prompt, null, new Logprobs(-1, 0, 100)));
    assertThat(engine.status().reusedTokens()).as("pages before token 99").isEqualTo(96);
  }

  @Test
  void manyOutputsOfOnePromptComputeItOnce() throws Exception {
    int[] prompt = prompt(300, 5);
    List<TokenStream> streams = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      Sampling sampling = new Sampling(1, 0, 1, 0, 1, i);
      streams.add(engine.submit(new Request(prompt, null, sampling, 9, Set.of())));
    }
    for (TokenStream stream : streams) {
      assertThat(Streams.read(stream)).hasSize(9);
    }

    assertThat(engine.status().computedTokens()).isEqualTo(300 + 3 * 12 + 4 * 8);
    assertThat(engine.status().reusedTokens()).isEqualTo(3 * 288);
  }
}
