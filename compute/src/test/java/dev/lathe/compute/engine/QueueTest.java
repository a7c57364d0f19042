package dev.lathe.compute.engine;

import static dev.lathe.compute.engine.Streams.greedy;
import static dev.lathe.compute.engine.Streams.prompt;
import static dev.lathe.compute.engine.Streams.read;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.kernel.Storage;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.compute.model.TinyModels;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What happens to requests while they wait and run.
class QueueTest {
  private static final EngineSettings ONE_BY_ONE =
      new EngineSettings(Storage.F32, 1, 512, 1, 24).withMaxWaiting(4);

  @TempDir Path folder;
  private Checkpoint model;
  private JavaEngine engine;

  @BeforeEach
  void open() {
    model = Checkpoint.open(TinyModels.llama(folder.resolve("llama"), 11));
    engine = JavaEngine.open(model, ONE_BY_ONE);
  }

  @AfterEach
  void close() {
    engine.close();
    model.close();
  }

  private static TokenEvent.Finished end(TokenStream stream) throws InterruptedException {
    read(stream);
    return (TokenEvent.Finished) stream.next();
  }

  private static Request request(int maxTokens, Terms terms) {
    return greedy(prompt(8, 1), null, maxTokens).withTerms(terms);
  }

  @Test
  void aRequestWhoseTimeIsOverEndsWithWhatItHas() throws Exception {
    Request request = request(500, Terms.PLAIN.withMaxTime(Duration.ofMillis(1)));

    TokenEvent.Finished end = end(engine.submit(request));

    assertThat(end.reason()).isEqualTo(TokenEvent.Reason.DEADLINE);
    assertThat(end.outputTokens()).isLessThan(500);
  }

  @Test
  void aRequestThatWaitsTooLongNeverStarts() throws Exception {
    try (Brake brake = new Brake()) {
      TokenStream running = engine.submit(brake.on(request(500, Terms.PLAIN)));
      running.next();
      TokenStream late = engine.submit(request(4, Terms.PLAIN.withMaxWait(Duration.ofNanos(1))));
      brake.release();

      assertThat(end(late)).isEqualTo(new TokenEvent.Finished(TokenEvent.Reason.DEADLINE, 8, 0));
      TokenStream patient = engine.submit(request(4, Terms.PLAIN.withMaxWait(Duration.ofHours(1))));
      running.close();
      assertThat(end(patient).reason()).isEqualTo(TokenEvent.Reason.LENGTH);
    }
  }

  @Test
  void textsAreHeldToTheirTimeAsWell() {
    assertThatThrownBy(() ->
            engine.embed(
                List.of(prompt(400, 1)),
                null,
                Pooling.MEAN,
                Terms.PLAIN.withMaxTime(Duration.ofNanos(1))))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("the time allowed for it was over");
  }

  @Test
  void moreThanMayWaitIsRefusedAtOnceAndWelcomeLater() throws Exception {
    List<TokenStream> streams = new ArrayList<>();
    try (Brake brake = new Brake()) {
      streams.add(engine.submit(brake.on(request(500, Terms.PLAIN))));
      streams.getFirst().next();
      streams.add(engine.submit(request(2, Terms.PLAIN)));
      streams.add(engine.submit(request(2, Terms.PLAIN)));

      assertThatThrownBy(() -> engine.submit(request(2, Terms.PLAIN)))
          .isInstanceOfSatisfying(
              LatheException.class,
              refused -> {
                assertThat(refused.kind()).isEqualTo(LatheException.Kind.OVERLOADED);
                assertThat(refused.retryAfter()).isPresent();
              });
      streams.add(engine.submit(request(2, Terms.PLAIN.withUser("another"))));
      streams.getFirst().close();
    }
    for (TokenStream stream : streams) {
      end(stream);
    }
    assertThat(end(engine.submit(request(2, Terms.PLAIN))).outputTokens()).isEqualTo(2);
    EngineStatus status = engine.status();
    assertThat(status.running() + status.waiting()).isZero();
    assertThat(status.freePages() + status.cachedPages()).isEqualTo(status.pages());
  }

  @Test
  void whatWaitsCanBeCancelled() throws Exception {
    try (Brake brake = new Brake();
        TokenStream running = engine.submit(brake.on(request(500, Terms.PLAIN)))) {
      running.next();
      TokenStream waiting = engine.submit(request(4, Terms.PLAIN));
      brake.step();

      waiting.close();

      brake.step();
      assertThat(end(waiting))
          .isEqualTo(new TokenEvent.Finished(TokenEvent.Reason.CANCELLED, 8, 0));
    }
  }

  @Test
  void urgentRequestsDriveOutOthersWhichEndAllTheSame() throws Exception {
    List<Integer> alone = read(engine.submit(request(450, Terms.PLAIN)));
    try (Brake brake = new Brake()) {
      TokenStream low = engine.submit(brake.on(request(450, Terms.PLAIN)));
      low.next();

      TokenStream urgent = engine.submit(request(3, Terms.PLAIN.withPriority(10)));

      brake.step();
      assertThat(end(urgent).outputTokens()).as("ends before the other's third").isEqualTo(3);
      brake.release();
      assertThat(read(low)).isEqualTo(alone.subList(1, 450));
    }
    assertThat(engine.status().preemptions()).isEqualTo(1);
  }

  @Test
  void termsOutsideTheirRangesAreRefusedByName() {
    assertThatThrownBy(() -> Terms.PLAIN.withPriority(11))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("priority 11 is outside [-10, 10]");
    assertThatThrownBy(() -> Terms.PLAIN.withMaxTime(Duration.ZERO))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("max_time");
  }
}
