package dev.lathe.compute.engine;

import static dev.lathe.compute.engine.Streams.events;
import static dev.lathe.compute.engine.Streams.generate;
import static dev.lathe.compute.engine.Streams.greedy;
import static dev.lathe.compute.engine.Streams.in;
import static dev.lathe.compute.engine.Streams.joined;
import static dev.lathe.compute.engine.Streams.prompt;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.engine.Likelihood.Alternative;
import dev.lathe.compute.kernel.Storage;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.model.TinyModels;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LogprobsTest {
  private static final EngineSettings SETTINGS = new EngineSettings(Storage.F32, 3, 2048, 2, 24);

  @TempDir Path folder;
  private Checkpoint model;
  private JavaEngine engine;

  @BeforeEach
  void open() {
    model = Checkpoint.open(TinyModels.llama(folder.resolve("llama"), 11));
    engine = JavaEngine.open(model, SETTINGS);
  }

  @AfterEach
  void close() {
    engine.close();
    model.close();
  }

  /// Log-softmax of each row by the textbook.
  private static double[][] logSoftmax(double[][] logits) {
    double[][] result = new double[logits.length][];
    for (int t = 0; t < logits.length; t++) {
      double sum = 0;
      for (double logit : logits[t]) {
        sum += Math.exp(logit);
      }
      result[t] = new double[logits[t].length];
      for (int v = 0; v < logits[t].length; v++) {
        result[t][v] = logits[t][v] - Math.log(sum);
      }
    }
    return result;
  }

  private static void assertIs(Likelihood found, int token, double[] expected, int alternatives) {
    assertThat(found.token()).isEqualTo(token);
    assertThat((double) found.logprob()).isCloseTo(expected[token], within(2e-5));
    assertThat(found.likeliest()).hasSize(alternatives);
    List<Integer> sorted =
        IntStream.range(0, expected.length)
            .boxed()
            .sorted(Comparator.comparingDouble(v -> -expected[v]))
            .toList();
    for (int i = 0; i < alternatives; i++) {
      Alternative alternative = found.likeliest().get(i);
      assertThat(alternative.token()).isEqualTo(sorted.get(i));
      assertThat((double) alternative.logprob()).isCloseTo(expected[sorted.get(i)], within(2e-5));
    }
  }

  @Test
  void outputHasTheModelsOwnLogprobsWhateverShapedTheChoice() throws Exception {
    Sampling shaped = new Sampling(1.7, 30, 0.9, 0, 1.3, 0.5, 0.5, Map.of(9, 4f), 3);
    int[] prompt = prompt(40, 1);
    Request request =
        new Request(prompt, null, shaped, 12, Set.of()).withLogprobs(Logprobs.ofOutput(20));

    List<TokenEvent> events = events(engine, request);

    List<Integer> tokens = new ArrayList<>();
    for (TokenEvent event : events.subList(0, 12)) {
      tokens.add(((TokenEvent.Token) event).id());
    }
    double[][] expected =
        logSoftmax(
            new PlainDecoder(model.config(), model.weights(), null).logits(joined(prompt, tokens)));
    for (int i = 0; i < 12; i++) {
      TokenEvent.Token token = (TokenEvent.Token) events.get(i);
      assertIs(Objects.requireNonNull(token.likelihood()), token.id(), expected[39 + i], 20);
    }
    assertThat(tokens).isEqualTo(generate(engine, new Request(prompt, null, shaped, 12, Set.of())));
  }

  @Test
  void promptHasLogprobsInOrderThenComesTheOutput() throws Exception {
    Adapter adapter = RandomAdapters.of(model.config(), "a", 3, EnumSet.allOf(Projection.class), 5);
    int[] prompt = prompt(70, 2);
    Request request = greedy(prompt, in(engine, adapter), 4).withLogprobs(Logprobs.ofPrompt(3));

    List<TokenEvent> events = events(engine, request);

    double[][] expected =
        logSoftmax(new PlainDecoder(model.config(), model.weights(), adapter).logits(prompt));
    for (int position = 1; position < 70; position++) {
      TokenEvent.PromptToken event = (TokenEvent.PromptToken) events.get(position - 1);
      assertThat(event.position()).isEqualTo(position);
      assertIs(event.likelihood(), prompt[position], expected[position - 1], 3);
    }
    assertThat(events.subList(69, 73))
        .allSatisfy(
            event -> assertThat(((TokenEvent.Token) event).likelihood()).as("not asked").isNull());
    assertThat(events.get(73)).isEqualTo(new TokenEvent.Finished(TokenEvent.Reason.LENGTH, 70, 4));
  }

  @Test
  void theEndOfAPromptCanBeScoredWithoutGeneratingAnything() throws Exception {
    int[] prompt = prompt(60, 3);
    Request request = Request.scoring(prompt, null, new Logprobs(-1, 0, 55));

    List<TokenEvent> events = events(engine, request);

    double[][] expected =
        logSoftmax(new PlainDecoder(model.config(), model.weights(), null).logits(prompt));
    assertThat(events).hasSize(6);
    for (int i = 0; i < 5; i++) {
      TokenEvent.PromptToken event = (TokenEvent.PromptToken) events.get(i);
      assertThat(event.position()).isEqualTo(55 + i);
      assertIs(event.likelihood(), prompt[55 + i], expected[54 + i], 0);
    }
    assertThat(events.get(5)).isEqualTo(new TokenEvent.Finished(TokenEvent.Reason.LENGTH, 60, 0));
  }

  @Test
  void scoringAmongStreamsThatPushItOutGivesEveryTokenOnce() throws Exception {
    EngineSettings tight = new EngineSettings(Storage.F32, 4, 160, 2, 16);
    try (JavaEngine small = JavaEngine.open(model, tight)) {
      int[] prompt = prompt(90, 4);
      Request request = greedy(prompt, null, 30).withLogprobs(new Logprobs(0, 0, 1));
      List<TokenEvent> alone = events(engine, request);

      List<TokenStream> others = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        others.add(small.submit(greedy(prompt(20, i), null, 70)));
      }
      List<TokenEvent> among = events(small, request);

      assertThat(among).isEqualTo(alone).hasSize(89 + 30 + 1);
      for (TokenStream other : others) {
        assertThat(Streams.read(other)).hasSize(70);
      }
    }
  }

  @Test
  void moreAlternativesThanTwentyAreRefused() {
    assertThatThrownBy(() -> Logprobs.ofOutput(21))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("logprobs 21 is outside [0, 20]");
  }
}
