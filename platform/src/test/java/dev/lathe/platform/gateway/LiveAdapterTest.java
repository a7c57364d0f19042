package dev.lathe.platform.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.adapter.AdapterSpec;
import dev.lathe.compute.engine.AdapterPool;
import dev.lathe.compute.engine.AdapterVersion;
import dev.lathe.compute.engine.BrakedRunner;
import dev.lathe.compute.engine.EngineSettings;
import dev.lathe.compute.engine.JavaEngine;
import dev.lathe.compute.engine.RandomAdapters;
import dev.lathe.compute.engine.Sampling;
import dev.lathe.compute.kernel.Storage;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.model.TinyModels;
import dev.lathe.compute.text.TokenBatch;
import dev.lathe.training.tensor.Precision;
import dev.lathe.training.trainer.Schedule;
import dev.lathe.training.trainer.Trainer;
import dev.lathe.training.trainer.TrainerSettings;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A trainer and a generator in one process: what is learned answers at once.
class LiveAdapterTest {
  private static final AdapterSpec SPEC =
      new AdapterSpec(4, 2, 0, false, EnumSet.allOf(Projection.class));
  private static final TrainerSettings TRAINING =
      new TrainerSettings(
          0.02, Schedule.CONSTANT, 0, 40, 0, 0.9, 0.999, 1e-8, 1, 5, Precision.FP32, 1);
  private static final String QUESTION = "abc";
  private static final String ANSWER = "hello there";

  @TempDir private Path folder;
  private Path model;
  private final AtomicReference<BrakedRunner> brake = new AtomicReference<>();
  private Generator generator;

  @BeforeEach
  void openTinyModel() {
    model = TinyModels.llama(folder.resolve("tiny"), 7);
    EngineSettings settings =
        EngineSettings.of(Storage.F32).withMaxStreams(4).withKvTokens(512).withThreads(1);
    generator =
        Generator.open(
            model,
            settings,
            settings.kvTokens(),
            (checkpoint, fitted) -> {
              brake.set(BrakedRunner.open(checkpoint, fitted));
              return JavaEngine.over(brake.get(), checkpoint.config(), fitted);
            });
  }

  @AfterEach
  void close() {
    brake.get().release();
    generator.close();
  }

  private Ask ask(@Nullable String adapter, int tokens) {
    return new Ask(new Prompt.Raw(QUESTION), adapter, Sampling.GREEDY, tokens, List.of());
  }

  private String reply(@Nullable String adapter) throws InterruptedException {
    try (ReplyStream stream = generator.ask(ask(adapter, ANSWER.length()))) {
      return stream.readAll().text();
    }
  }

  /// The question and its answer, of which the answer is learned; a token is a byte.
  private static TokenBatch batch() {
    byte[] text = (QUESTION + ANSWER).getBytes(StandardCharsets.US_ASCII);
    int[] ids = new int[text.length];
    boolean[] scored = new boolean[text.length];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = text[i];
      scored[i] = i >= QUESTION.length();
    }
    return new TokenBatch(ids, scored, new int[] {0, ids.length}, List.of("row"));
  }

  @Test
  void whatTheTrainerLearnedAnswersFromTheNextAskOn() throws InterruptedException {
    try (Checkpoint checkpoint = Checkpoint.open(model);
        Trainer trainer = Trainer.open(checkpoint, SPEC, TRAINING)) {
      int[] prompt = {1, 2, 3};
      generator.publish("live", trainer.adapter("untrained"), List.of());
      assertThat(reply("live")).as("B is zero").isEqualTo(reply(null)).isNotEqualTo(ANSWER);
      brake.get().holdAfter(20);
      ReplyStream begun = generator.ask(ask("live", 300));
      begun.next();

      for (int step = 0; step < 60; step++) {
        trainer.step(List.of(batch()));
      }
      Adapter adapter = trainer.adapter("trained");
      brake.get().holdAfter(20);
      AdapterVersion version =
          generator.publish(
              "live", adapter, List.of(new Proof(prompt, trainer.logits(prompt), 5e-2)));

      assertThat(generator.adapters().status().inMemory())
          .as("the untrained one answers")
          .isEqualTo(2);
      brake.get().release();

      assertThat(reply("live")).isEqualTo(ANSWER);
      assertThat(version.tensors()).isEqualTo(2 * 7 * 2);
      assertThat(begun.readAll().text()).startsWith(reply(null));
      assertThat(generator.status().running()).isZero();
      AdapterPool.Status pool = generator.adapters().status();
      assertThat(pool.inMemory()).as("the untrained one is gone").isEqualTo(1);
      assertThat(pool.bytes()).isEqualTo(version.bytes());
    }
  }

  @Test
  void anAdapterThatAnswersOtherwiseThanItsTrainerIsRefusedAndChangesNothing()
      throws InterruptedException {
    try (Checkpoint checkpoint = Checkpoint.open(model)) {
      Adapter good = RandomAdapters.of(checkpoint.config(), "good", 4, SPEC.targets(), 3);
      generator.publish("live", good, List.of());
      String before = reply("live");
      Adapter other = RandomAdapters.of(checkpoint.config(), "other", 4, SPEC.targets(), 4);
      float[] logits = new float[checkpoint.config().vocabulary()];

      assertThatThrownBy(() ->
              generator.publish("live", other, List.of(new Proof(new int[] {1, 2}, logits, 0.01))))
          .isInstanceOf(LatheException.class)
          .hasMessageContaining("'other' does not answer as its trainer does");

      assertThat(reply("live")).isEqualTo(before);
      assertThat(generator.adapters().status().inMemory()).isEqualTo(1);
    }
  }
}
