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
    TokenStream running = engine.submit(request(500, Terms.PLAIN));
    running.next();

    TokenEvent.Finished late =
        end(engine.submit(request(4, Terms.PLAIN.withMaxWait(Duration.ofNanos(1)))));

    assertThat(late).isEqualTo(new TokenEvent.Finished(TokenEvent.Reason.DEADLINE, 8, 0));
    TokenStream patient = engine.submit(request(4, Terms.PLAIN.withMaxWait(Duration.ofHours(1))));
    running.close();
    assertThat(end(patient).reason()).isEqualTo(TokenEvent.Reason.LENGTH);
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
    streams.add(engine.submit(request(500, Terms.PLAIN)));
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
    TokenStream running = engine.submit(request(500, Terms.PLAIN));
    running.next();
    TokenStream waiting = engine.submit(request(4, Terms.PLAIN));

    waiting.close();

    assertThat(end(waiting)).isEqualTo(new TokenEvent.Finished(TokenEvent.Reason.CANCELLED, 8, 0));
    running.close();
  }

  @Test
  void urgentRequestsDriveOutOthersWhichEndAllTheSame() throws Exception {
    List<Integer> alone = read(engine.submit(request(450, Terms.PLAIN)));
    TokenStream low = engine.submit(request(450, Terms.PLAIN));
    low.next();

    TokenStream urgent = engine.submit(request(3, Terms.PLAIN.withPriority(5)));

    assertThat(end(urgent).outputTokens()).isEqualTo(3);
    assertThat(engine.status().preemptions()).isEqualTo(1);
    assertThat(engine.status().ended()).as("the one before, and the urgent one").isEqualTo(2);
    assertThat(read(low)).isEqualTo(alone.subList(1, 450));
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
