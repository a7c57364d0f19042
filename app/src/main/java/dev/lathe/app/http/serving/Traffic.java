package dev.lathe.app.http.serving;

import dev.lathe.platform.gateway.Answers;
import dev.lathe.platform.gateway.Reply;
import dev.lathe.platform.gateway.ReplyStream;
import dev.lathe.platform.gateway.ServedModels;
import dev.lathe.platform.gateway.TokenListener;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// What is asked of each adapter version, and how it is answered. Any number of threads.
public final class Traffic {
  /// Adapters that the figures tell apart. For more, the figures of those that are no longer loaded
  /// are given up; what is still too much is counted together.
  private static final int MOST_LABELS = 64;

  private static final String OTHER = "other";
  private static final String BASE = "";
  private static final Duration[] WAITS =
      millis(10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000);
  private static final Duration[] STEPS = millis(2, 5, 10, 20, 35, 50, 75, 100, 200, 500, 1000);
  private static final Duration[] ANSWERS =
      millis(100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000);

  private final MeterRegistry registry;
  private final ServedModels models;
  private final Map<String, Tally> tallies = new ConcurrentHashMap<>();
  private final Map<String, Figures> figures = new ConcurrentHashMap<>();

  /// @param registry takes the figures
  Traffic(MeterRegistry registry, ServedModels models) {
    this.registry = registry;
    this.models = models;
  }

  private static Duration[] millis(long... each) {
    return Arrays.stream(each).mapToObj(Duration::ofMillis).toArray(Duration[]::new);
  }

  /// @param inFlight requests that are answered or wait now
  /// @param served requests that ended, whatever way
  public record Count(int inFlight, long served) {}

  private record Tally(AtomicInteger inFlight, LongAdder served) {}

  /// The figures under one label.
  private record Figures(
      Timer first,
      Timer next,
      Timer whole,
      Counter prompt,
      Counter output,
      Map<Reply.Ending, Counter> endings) {
    Stream<Meter> all() {
      return Stream.concat(
          Stream.of(first, next, whole, prompt, output), endings.values().stream());
    }
  }

  /// One request under way; whoever begins it closes it.
  static final class Span implements TokenListener, AutoCloseable {
    private final Tally tally;
    private final Figures under;

    private Span(Tally tally, Figures under) {
      this.tally = tally;
      this.under = under;
    }

    @Override
    public void came(int number, long nanos) {
      (number == 1 ? under.first : under.next).record(nanos, TimeUnit.NANOSECONDS);
    }

    /// Counts what the answers have become.
    void ended(Answers answers) {
      for (ReplyStream each : answers.replies()) {
        Reply reply = each.reply();
        under.prompt.increment(reply.promptTokens());
        under.output.increment(reply.outputTokens());
        under.whole.record((long) (reply.seconds() * 1e9), TimeUnit.NANOSECONDS);
        Objects.requireNonNull(under.endings.get(reply.ending())).increment();
      }
    }

    /// Counts tokens of texts that become vectors.
    void embeds(long tokens) {
      under.prompt.increment((double) tokens);
    }

    @Override
    public void close() {
      tally.inFlight.decrementAndGet();
      tally.served.increment();
    }
  }

  /// @param adapter id of a version; null for the base
  Span begin(@Nullable String adapter) {
    Tally tally =
        tallies.computeIfAbsent(
            adapter == null ? BASE : adapter, _ -> new Tally(new AtomicInteger(), new LongAdder()));
    tally.inFlight.incrementAndGet();
    return new Span(tally, figures(models.nameOf(adapter).orElse(OTHER)));
  }

  private Figures figures(String label) {
    Figures known = figures.get(label);
    if (known != null) {
      return known;
    }
    synchronized (figures) {
      boolean own = label.equals(models.base()) || label.equals(OTHER) || hasRoom();
      return figures.computeIfAbsent(own ? label : OTHER, this::begun);
    }
  }

  /// Whether one more adapter can have figures of its own.
  private boolean hasRoom() {
    Set<String> labels = new HashSet<>(figures.keySet());
    labels.removeAll(Set.of(OTHER, models.base()));
    if (labels.size() < MOST_LABELS) {
      return true;
    }
    models.adapters().forEach(each -> labels.remove(each.name()));
    for (String gone : labels) {
      Objects.requireNonNull(figures.remove(gone)).all().forEach(registry::remove);
    }
    return !labels.isEmpty();
  }

  private Figures begun(String label) {
    Map<Reply.Ending, Counter> endings = new EnumMap<>(Reply.Ending.class);
    for (Reply.Ending each : Reply.Ending.values()) {
      String end = each.name().toLowerCase(Locale.ROOT);
      endings.put(each, registry.counter("lathe.answers", "adapter", label, "end", end));
    }
    return new Figures(
        timer("lathe.time.to.first.token", "from asking to the first token", label, WAITS),
        timer("lathe.inter.token", "between one token and the next", label, STEPS),
        timer("lathe.answer", "from asking to the end of the answer", label, ANSWERS),
        counter("lathe.prompt.tokens", "tokens of prompts", label),
        counter("lathe.output.tokens", "tokens generated", label),
        endings);
  }

  private Timer timer(String name, String meaning, String label, Duration[] bounds) {
    return Timer.builder(name)
        .description(meaning)
        .tag("adapter", label)
        .serviceLevelObjectives(bounds)
        .register(registry);
  }

  private Counter counter(String name, String meaning, String label) {
    return Counter.builder(name).description(meaning).tag("adapter", label).register(registry);
  }

  /// What was asked of an adapter version so far.
  ///
  /// @param adapter its id
  public Count of(String adapter) {
    return Optional.ofNullable(tallies.get(adapter))
        .map(tally -> new Count(tally.inFlight.get(), tally.served.sum()))
        .orElse(new Count(0, 0));
  }
}
