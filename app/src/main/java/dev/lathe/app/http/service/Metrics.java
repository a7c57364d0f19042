package dev.lathe.app.http.service;

import dev.lathe.app.http.Call;
import dev.lathe.app.http.Route;
import dev.lathe.app.http.ServerLog;
import dev.lathe.compute.engine.EngineStatus;
import dev.lathe.platform.access.Operation;
import dev.lathe.platform.gateway.Generator;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.FunctionTimer;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.ToDoubleFunction;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/// `/metrics`: the server's figures as Prometheus reads them. Those of the engine are from the
/// moment of asking, those of requests and answers are counted as they end.
final class Metrics {
  private static final String MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8";
  private static final Set<String> METHODS = Set.of("GET", "HEAD", "POST", "DELETE", "OPTIONS");

  private final PrometheusMeterRegistry registry =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  private final AtomicReference<@Nullable EngineStatus> engine = new AtomicReference<>();

  Metrics() {
    gauge("lathe.requests.running", "requests in the batch", EngineStatus::running);
    gauge("lathe.requests.waiting", "requests that are not in the batch", EngineStatus::waiting);
    FunctionTimer.builder(
            "lathe.queue.wait",
            engine,
            _ -> whole(EngineStatus::begun),
            _ -> whole(EngineStatus::waitNanos),
            TimeUnit.NANOSECONDS)
        .description("from asking to the batch")
        .register(registry);
    gauge("lathe.kv.usage.ratio", "part of the key/value cache in use", Metrics::kvUsage);
    gauge("lathe.kv.pages", "pages of the key/value cache", EngineStatus::pages);
    gauge("lathe.kv.pages.cached", "pages kept for their prefix only", EngineStatus::cachedPages);
    gauge("lathe.kv.pages.free", "pages that hold nothing", EngineStatus::freePages);
    count("lathe.prefix.reused.tokens", "tokens found in the cache", EngineStatus::reusedTokens);
    count("lathe.computed.tokens", "tokens computed", EngineStatus::computedTokens);
    count("lathe.preemptions", "requests that had to give way", EngineStatus::preemptions);
    count("lathe.speculation.drafted.tokens", "tokens guessed", EngineStatus::draftedTokens);
    count("lathe.speculation.accepted.tokens", "guesses come true", EngineStatus::acceptedTokens);
    gauge("lathe.adapters", "versions that can be named", status -> status.adapters().versions());
    gauge("lathe.adapters.in.memory", "versions in memory", status -> status.adapters().inMemory());
    gauge("lathe.adapters.bytes", "memory they take", status -> status.adapters().bytes());
    gauge("lathe.adapters.budget.bytes", "most they may", status -> status.adapters().budget());
    count("lathe.adapters.reads", "versions read again", status -> status.adapters().reads());
    new JvmMemoryMetrics().bindTo(registry);
  }

  private static double kvUsage(EngineStatus status) {
    int used = status.pages() - status.freePages() - status.cachedPages();
    return status.pages() == 0 ? 0 : (double) used / status.pages();
  }

  private long whole(ToLongFunction<EngineStatus> from) {
    EngineStatus status = engine.get();
    return status == null ? 0 : from.applyAsLong(status);
  }

  private void gauge(String name, String meaning, ToDoubleFunction<EngineStatus> from) {
    Gauge.builder(
            name,
            engine,
            held -> {
              EngineStatus status = held.get();
              return status == null ? 0 : from.applyAsDouble(status);
            })
        .description(meaning)
        .register(registry);
  }

  private void count(String name, String meaning, ToLongFunction<EngineStatus> from) {
    FunctionCounter.builder(name, engine, _ -> whole(from)).description(meaning).register(registry);
  }

  /// Takes the figures of answers.
  PrometheusMeterRegistry registry() {
    return registry;
  }

  /// A log that counts requests and tells the other.
  ServerLog counting(ServerLog log) {
    Counter departures =
        Counter.builder("lathe.http.departures")
            .description("clients that went away before their answer")
            .register(registry);
    return new ServerLog() {
      @Override
      public void answered(Answered answered) {
        registry
            .timer(
                "lathe.http.requests",
                "method",
                METHODS.contains(answered.method()) ? answered.method() : "other",
                "path",
                answered.path().isEmpty() ? "none" : answered.path(),
                "status",
                String.valueOf(answered.status()))
            .record(answered.took());
        log.answered(answered);
      }

      @Override
      public void departed(String id) {
        departures.increment();
        log.departed(id);
      }

      @Override
      public void defect(String id, @Nullable Throwable cause) {
        registry.counter("lathe.defects").increment();
        log.defect(id, cause);
      }
    };
  }

  Route route(Generator generator) {
    return Route.get("/metrics")
        .needs(Operation.READ_METRICS)
        .summary("The server's figures for Prometheus")
        .givesText(MEDIA_TYPE, "Prometheus's text format")
        .by(call -> scrape(call, generator));
  }

  private void scrape(Call call, Generator generator) throws IOException, InterruptedException {
    engine.set(generator.status());
    call.send(MEDIA_TYPE, registry.scrape());
  }
}
