package dev.lathe.platform.tuning;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.text.EncodedRow;
import dev.lathe.compute.text.TokenBatch;
import dev.lathe.compute.text.Tokenizer;
import dev.lathe.training.trainer.ProcessMemory;
import dev.lathe.training.trainer.Trainer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/// Makes the plan of a run: counts, and runs the shortest, the median and the longest real batch
/// forward and backward to learn time and memory.
///
/// Time of a batch is taken as a line through the shortest and the longest; memory of the longest
/// is foretold from the shorter two before it is tried, so that the machine is not driven out of
/// memory by the attempt.
public final class Planner {
  private static final double FORWARD_SHARE = 0.35;
  private static final double CAUTION = 1.1;

  /// What a run holds at its peak beyond a probe: logs, checkpoints, compiled code.
  private static final double RUN_GROWTH = 1.05;

  /// Advice stays below what seems to fit: the next run measures anew, and must agree.
  private static final double ADVISED = 0.9;

  private final Job job;
  private final Course course;
  private final Trainer trainer;
  private final Memory memory;
  private final List<Plan.Probe> probes = new ArrayList<>();
  private final long restingBytes;
  private final long earlierPeakBytes;

  private Planner(Job job, Trainer trainer, Memory memory) {
    this.job = job;
    this.course = job.course();
    this.trainer = trainer;
    this.memory = memory;
    this.restingBytes = ProcessMemory.read().map(ProcessMemory::residentBytes).orElse(0L);
    this.earlierPeakBytes = peak();
  }

  /// Plans; the trainer is afterwards as it was.
  ///
  /// @param notes of the preparation
  /// @throws LatheException when the memory does not suffice, naming the largest setting that fits
  public static Plan plan(
      Job job, Trainer trainer, Memory memory, Tokenizer tokenizer, List<String> notes) {
    return new Planner(job, trainer, memory).plan(tokenizer, notes);
  }

  private Plan plan(Tokenizer tokenizer, List<String> notes) {
    List<TokenBatch> batches = firstEpoch();
    probe(batches);
    List<EncodedRow> rows = job.train();
    EncodedRow example = example(rows);
    return new Plan(
        rows.size(),
        job.validation().size(),
        rows.stream().mapToLong(EncodedRow::tokens).sum(),
        rows.stream().mapToLong(EncodedRow::scoredTokens).sum(),
        (int) rows.stream().filter(EncodedRow::truncated).count(),
        (int) rows.stream().filter(EncodedRow::endOfTurnScored).count(),
        rows.stream().mapToInt(EncodedRow::tokens).max().orElse(0),
        course.totalSteps(),
        course.stepsPerEpoch(),
        course.epoch(course.totalSteps()),
        values(),
        probes,
        Math.max(
            earlierPeakBytes, probes.stream().mapToLong(Plan.Probe::peakBytes).max().orElse(0)),
        seconds(batches),
        memory,
        pieces(example, tokenizer),
        example.source(),
        notes);
  }

  private List<TokenBatch> firstEpoch() {
    List<TokenBatch> batches = new ArrayList<>();
    int steps = Math.min(course.stepsPerEpoch(), course.totalSteps());
    for (int step = 1; step <= steps; step++) {
      batches.addAll(course.batches(step));
    }
    return batches;
  }

  private void probe(List<TokenBatch> batches) {
    List<TokenBatch> ascending =
        batches.stream()
            .filter(batch -> batch.scoredTokens() > 0)
            .sorted(Comparator.comparingInt(TokenBatch::tokens))
            .toList();
    TokenBatch shortest = ascending.getFirst();
    TokenBatch median = ascending.get(ascending.size() / 2);
    TokenBatch longest = ascending.getLast();
    requireRoom(shortest.tokens());
    trainer.probe(shortest); // The first call loads kernels; its time says nothing.
    probe("shortest", shortest);
    if (median.tokens() > shortest.tokens()) {
      requireRoom(median.tokens());
      probe("median", median);
    }
    if (longest.tokens() > median.tokens()) {
      requireRoom(longest.tokens());
      probe("longest", longest);
    }
    requireRoom(longest.tokens());
  }

  private void probe(String name, TokenBatch batch) {
    boolean own = ProcessMemory.resetPeak();
    long start = System.nanoTime();
    trainer.probe(batch);
    double seconds = (System.nanoTime() - start) / 1e9;
    long peak = own || probes.isEmpty() ? peak() : Math.max(peak(), probes.getLast().peakBytes());
    probes.add(new Plan.Probe(name, batch.tokens(), seconds, peak));
  }

  private static long peak() {
    return ProcessMemory.read().map(ProcessMemory::peakBytes).orElse(0L);
  }

  /// Bytes that the process is expected to hold while `tokens` go through the decoder.
  private long expectedBytes(int tokens) {
    if (probes.isEmpty()) {
      return restingBytes;
    }
    Plan.Probe largest = probes.getLast();
    return tokens <= largest.tokens()
        ? largest.peakBytes()
        : (long) (restingBytes + bytesPerToken() * tokens * CAUTION);
  }

  private double bytesPerToken() {
    Plan.Probe largest = probes.getLast();
    return Math.max(0, largest.peakBytes() - restingBytes) / (double) largest.tokens();
  }

  private void requireRoom(int tokens) {
    long expected = (long) (expectedBytes(tokens) * RUN_GROWTH);
    if (expected <= memory.limitBytes()) {
      return;
    }
    throw LatheException.capacity(
        String.format(
            Locale.ROOT,
            "a batch of %d tokens needs some %.2f GB, and %s is %.2f GB",
            tokens,
            expected / 1e9,
            memory.origin(),
            memory.limitBytes() / 1e9),
        largestThatFits(tokens));
  }

  private String largestThatFits(int tokens) {
    double perToken = probes.isEmpty() ? 0 : bytesPerToken();
    double room = memory.limitBytes() / RUN_GROWTH - restingBytes;
    int fits = perToken > 0 ? (int) (room / perToken / CAUTION * ADVISED) / 8 * 8 : 0;
    int longestRow = job.train().stream().mapToInt(EncodedRow::tokens).max().orElse(0);
    if (fits < 16) {
      return "the base model alone takes "
          + String.format(Locale.ROOT, "%.2f GB", restingBytes / 1e9)
          + (job.recipe().optimization().precision() == Recipe.Precision.BF16
              ? ": free memory, or take a smaller model"
              : ": free memory, use bf16=true, or take a smaller model");
    }
    if (longestRow <= fits && tokens > longestRow) {
      return "tokens_in_flight=" + fits + " fits";
    }
    return "cutoff_len=" + fits + " with tokens_in_flight=" + fits + " fits";
  }

  private double seconds(List<TokenBatch> batches) {
    double training = batches.stream().mapToDouble(batch -> seconds(batch.tokens())).sum();
    double epochs =
        (double) course.totalSteps() / Math.min(course.stepsPerEpoch(), course.totalSteps());
    double validation = 0;
    if (!job.validation().isEmpty()) {
      for (TokenBatch batch : Course.pack(job.validation(), job.recipe().tokensInFlight())) {
        validation += FORWARD_SHARE * seconds(batch.tokens());
      }
    }
    return training * epochs + validation * validations();
  }

  private int validations() {
    Recipe.Every every = job.recipe().cadence().validation();
    return 1
        + switch (every.when()) {
          case NEVER -> 0;
          case STEPS -> course.totalSteps() / every.interval(course.totalSteps());
          case EPOCH -> course.totalSteps() / course.stepsPerEpoch();
        };
  }

  private double seconds(int tokens) {
    Plan.Probe first = probes.getFirst();
    Plan.Probe last = probes.getLast();
    if (first.tokens() == last.tokens() || last.seconds() <= first.seconds()) {
      return last.seconds() / last.tokens() * tokens;
    }
    double slope = (last.seconds() - first.seconds()) / (last.tokens() - first.tokens());
    return Math.max(0, first.seconds() + slope * (tokens - first.tokens()));
  }

  private long values() {
    long values = 0;
    for (Adapter.Factor factor : trainer.adapter("plan").factors()) {
      values += factor.a().length + factor.b().length;
    }
    return values;
  }

  /// A row of median length.
  private static EncodedRow example(List<EncodedRow> rows) {
    List<EncodedRow> ascending =
        rows.stream().sorted(Comparator.comparingInt(EncodedRow::tokens)).toList();
    return ascending.get(ascending.size() / 2);
  }

  private static List<Plan.Piece> pieces(EncodedRow row, Tokenizer tokenizer) {
    List<Plan.Piece> pieces = new ArrayList<>();
    int from = 0;
    for (int at = 1; at <= row.tokens(); at++) {
      if (at == row.tokens() || row.scored()[at] != row.scored()[from]) {
        String text = tokenizer.decode(Arrays.copyOfRange(row.ids(), from, at), false);
        pieces.add(new Plan.Piece(text, row.scored()[from]));
        from = at;
      }
    }
    return pieces;
  }
}
