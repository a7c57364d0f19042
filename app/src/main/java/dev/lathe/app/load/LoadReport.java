package dev.lathe.app.load;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;

/// A run summed up. Definitions are the field's: TTFT from sending to the first piece of the
/// answer, TPOT the mean time of the tokens after it, ITL the time between pieces, E2E to the end;
/// goodput the answers a second that keep all stated limits. Sending is when the plan meant it, so
/// that a client that falls behind does not hide a slow server.
public final class LoadReport {
  private static final double[] QUANTILES = {0.5, 0.9, 0.95, 0.99};

  /// What a limit is put on.
  public enum Measure {
    TTFT,
    TPOT,
    E2E;

    double seconds(Sample sample) {
      return switch (this) {
        case TTFT -> sample.timeToFirst();
        case TPOT -> sample.timePerToken();
        case E2E -> sample.endToEnd();
      };
    }

    /// Whether a request keeps a limit in milliseconds; what it does not have keeps any.
    boolean keeps(Sample sample, double limit) {
      double found = seconds(sample) * 1e3;
      return Double.isNaN(found) || found <= limit;
    }
  }

  private final List<Sample> samples;
  private final List<Sample> answered;
  private final Map<Measure, Double> limits;
  private final double seconds;
  private final SequencedMap<String, Distribution> distributions = new LinkedHashMap<>();

  /// @param limits milliseconds that a good answer keeps
  public LoadReport(List<Sample> samples, Map<Measure, Double> limits) {
    this.samples = List.copyOf(samples);
    this.limits = new TreeMap<>(limits);
    answered = samples.stream().filter(Sample::isAnswered).toList();
    double begin = samples.stream().mapToDouble(Sample::sent).min().orElse(0);
    double end = answered.stream().mapToDouble(Sample::last).max().orElse(begin);
    seconds = end - begin;
    for (Measure measure : Measure.values()) {
      distributions.put(measure.name(), distribution(measure));
      if (measure == Measure.TPOT) {
        distributions.put(
            "ITL",
            Distribution.of(answered.stream().flatMapToDouble(s -> Arrays.stream(s.gaps()))));
      }
    }
  }

  List<Sample> answered() {
    return answered;
  }

  /// Seconds from the first request sent to the last answer's end.
  public double seconds() {
    return seconds;
  }

  public int failed() {
    return samples.size() - answered.size();
  }

  /// Output tokens a second, all answers together.
  public double outputThroughput() {
    return perSecond(outputTokens());
  }

  /// Answers a second that keep all limits.
  public double goodput() {
    return perSecond(good());
  }

  public Distribution distribution(Measure measure) {
    return Distribution.of(answered.stream().mapToDouble(measure::seconds));
  }

  private long good() {
    return answered.stream()
        .filter(sample ->
            limits.entrySet().stream()
                .allMatch(limit -> limit.getKey().keeps(sample, limit.getValue())))
        .count();
  }

  private long outputTokens() {
    return answered.stream().mapToLong(Sample::outputTokens).sum();
  }

  private long promptTokens() {
    return answered.stream().mapToLong(Sample::promptTokens).sum();
  }

  private double perSecond(long count) {
    return seconds > 0 ? (double) count / seconds : 0;
  }

  private SequencedMap<String, Long> errors() {
    SequencedMap<String, Long> errors = new LinkedHashMap<>();
    samples.forEach(
        sample -> sample.error().ifPresent(error -> errors.merge(error, 1L, Long::sum)));
    return errors;
  }

  /// Greatest time that a request waited here, for room or for this machine, in milliseconds.
  private double heldBack() {
    return 1e3 * samples.stream().mapToDouble(s -> s.sent() - s.scheduled()).max().orElse(0);
  }

  /// The figures for a terminal.
  public List<String> lines() {
    List<String> lines = new ArrayList<>();
    lines.add(
        String.format(
            Locale.ROOT,
            "requests   %,d answered, %,d failed in %.1f s (%.2f a second)",
            answered.size(),
            failed(),
            seconds,
            perSecond(answered.size())));
    lines.add(
        String.format(
            Locale.ROOT,
            "tokens     %,d in, %,d out: %,.1f out a second, %,.1f in and out",
            promptTokens(),
            outputTokens(),
            outputThroughput(),
            perSecond(promptTokens() + outputTokens())));
    if (!limits.isEmpty()) {
      lines.add(
          String.format(
              Locale.ROOT,
              "goodput    %.2f answers a second, %d of %d, within %s",
              goodput(),
              good(),
              samples.size(),
              limitText()));
    }
    errors()
        .forEach((error, count) ->
            lines.add(String.format(Locale.ROOT, "failed     %,d: %s", count, error)));
    lines.add(String.format(Locale.ROOT, "held back  %.0f ms at most before sending", heldBack()));
    lines.add("");
    lines.add(
        String.format(
            Locale.ROOT,
            "%-8s%10s%10s%10s%10s%10s%10s",
            "ms",
            "mean",
            "P50",
            "P90",
            "P95",
            "P99",
            "max"));
    distributions.forEach((name, values) -> lines.add(row(name, values)));
    byModel(lines);
    return lines;
  }

  private void byModel(List<String> lines) {
    Map<String, List<Sample>> models =
        answered.stream()
            .collect(Collectors.groupingBy(Sample::model, TreeMap::new, Collectors.toList()));
    if (models.size() < 2) {
      return;
    }
    lines.add("");
    lines.add(
        String.format(
            Locale.ROOT, "%-32s%10s%14s%14s", "model", "answers", "TTFT P50 ms", "TPOT P50 ms"));
    models.forEach((model, own) -> {
      LoadReport report = new LoadReport(own, limits);
      lines.add(
          String.format(
              Locale.ROOT,
              "%-32s%10d%14.1f%14.1f",
              model,
              own.size(),
              report.distribution(Measure.TTFT).quantile(0.5),
              report.distribution(Measure.TPOT).quantile(0.5)));
    });
  }

  private String limitText() {
    List<String> texts = new ArrayList<>();
    limits.forEach((measure, limit) ->
        texts.add(
            String.format(
                Locale.ROOT, "%s %.0f ms", measure.name().toLowerCase(Locale.ROOT), limit)));
    return String.join(", ", texts);
  }

  private static String row(String name, Distribution values) {
    return String.format(
        Locale.ROOT,
        "%-8s%10.1f%10.1f%10.1f%10.1f%10.1f%10.1f",
        name,
        values.mean(),
        values.quantile(0.5),
        values.quantile(0.9),
        values.quantile(0.95),
        values.quantile(0.99),
        values.max());
  }

  /// The figures as JSON, under the names that vLLM's `bench serve` writes.
  public ObjectNode json() {
    ObjectNode json = new JsonMapper().createObjectNode();
    json.put("completed", answered.size()).put("failed", failed()).put("duration", seconds);
    json.put("total_input_tokens", promptTokens()).put("total_output_tokens", outputTokens());
    json.put("request_throughput", perSecond(answered.size()));
    json.put("output_throughput", outputThroughput());
    json.put("total_token_throughput", perSecond(promptTokens() + outputTokens()));
    if (!limits.isEmpty()) {
      json.put("request_goodput", goodput());
    }
    distributions.forEach((name, values) -> {
      String suffix = "_" + (name.equals("E2E") ? "e2el" : name.toLowerCase(Locale.ROOT)) + "_ms";
      put(json, "mean" + suffix, values.mean());
      for (double share : QUANTILES) {
        put(json, "p" + Math.round(share * 100) + suffix, values.quantile(share));
      }
      put(json, "max" + suffix, values.max());
    });
    json.put("max_held_back_ms", heldBack());
    ObjectNode errors = json.putObject("errors");
    errors().forEach(errors::put);
    return json;
  }

  private static void put(ObjectNode json, String name, double value) {
    if (Double.isNaN(value)) {
      json.putNull(name);
    } else {
      json.put(name, value);
    }
  }
}
