package dev.lathe.platform.tuning;

import dev.lathe.compute.adapter.AdapterSpec;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/// What a fine-tuning run is asked to do, checked: LLaMA-Factory's keys as typed values.
///
/// Where the same words mean something else than there, [#notes] says so. In short: without `bf16`
/// the run computes in fp32; the loss is normalised per scored token over the whole step, so that
/// it does not depend on how a step is cut into micro-batches; validation loss is the mean over
/// scored tokens, not over batches; the random numbers are our own.
///
/// @param model name or path of the base
/// @param memoryLimit bytes that the process may take in all; null for what the machine has free
/// @param threads 0 for all cores
/// @param tokensInFlight tokens that go through the decoder at once; a single longer row goes alone
/// @param notes one line for each key that is accepted and changes nothing, and for each meaning
///   that differs
/// @param settings every obeyed key with its value, as recorded
/// @param shaping those of [#settings] that decide the resulting adapter
public record Recipe(
    String model,
    Data data,
    AdapterSpec adapter,
    Optimization optimization,
    Cadence cadence,
    Output output,
    int threads,
    int tokensInFlight,
    @Nullable Long memoryLimit,
    List<String> notes,
    SequencedMap<String, String> settings,
    SequencedMap<String, String> shaping) {

  public Recipe {
    notes = List.copyOf(notes);
    settings = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(settings));
    shaping = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(shaping));
  }

  /// Which rows, and how they become tokens.
  ///
  /// @param directory where `dataset_info.json` lies
  /// @param template LLaMA-Factory's name for the chat template, or null for the model's own
  /// @param system system text of rows that bring none, or null
  /// @param cutoff longest row in tokens
  /// @param maxSamples rows read of each data set, or null
  /// @param validation share (below 1) or count held out; 0 for none
  /// @param packing whether several rows count as one up to the cutoff
  /// @param seed decides order and split
  public record Data(
      List<String> train,
      List<String> evaluation,
      Path directory,
      @Nullable String template,
      @Nullable String system,
      int cutoff,
      @Nullable Integer maxSamples,
      double validation,
      Scoring scoring,
      boolean packing,
      boolean shuffled,
      OnBadRow onBadRow,
      long seed) {
    public Data {
      train = List.copyOf(train);
      evaluation = List.copyOf(evaluation);
    }
  }

  /// What happens to rows that cannot be used; either way all of them are named.
  public enum OnBadRow {
    /// Leave them out.
    SKIP,
    /// Refuse the data set.
    FAIL
  }

  /// Which tokens are targets of the loss.
  public enum Scoring {
    /// Every assistant's turn.
    ANSWERS,
    /// The last assistant's turn (`mask_history`).
    LAST_ANSWER,
    /// Prompts as well (`train_on_prompt`).
    EVERYTHING
  }

  /// How factors change.
  ///
  /// @param schedule course of the learning rate
  /// @param warmup steps of linear warm-up: a count from 1, a share of all steps below 1
  /// @param epochs passes over the rows, used where `maxSteps` is 0
  /// @param maxSteps steps in all, or 0
  /// @param rows rows of one forward in LLaMA-Factory's terms
  /// @param accumulation forwards of one step in LLaMA-Factory's terms
  /// @param maxNorm largest norm of the gradient, or 0
  public record Optimization(
      double learningRate,
      Schedule schedule,
      double warmup,
      double epochs,
      int maxSteps,
      int rows,
      int accumulation,
      double beta1,
      double beta2,
      double epsilon,
      double weightDecay,
      double maxNorm,
      Precision precision,
      long seed) {
    /// Rows that go into one step.
    public int rowsPerStep() {
      return Math.multiplyExact(rows, accumulation);
    }
  }

  /// Course of the learning rate after the warm-up.
  public enum Schedule {
    LINEAR,
    COSINE,
    CONSTANT,
    CONSTANT_WITH_WARMUP
  }

  /// What the frozen weights and the activations are computed in; factors and moments stay fp32.
  public enum Precision {
    BF16,
    FP32
  }

  /// When something happens.
  ///
  /// @param steps with [When#STEPS], the distance: a count from 1, a share of all steps below 1
  public record Every(When when, double steps) {
    /// The distance in steps, given the number of all steps.
    public int interval(int totalSteps) {
      return steps < 1 ? Math.max(1, (int) Math.ceil(steps * totalSteps)) : (int) steps;
    }
  }

  /// At what something happens.
  public enum When {
    NEVER,
    STEPS,
    EPOCH
  }

  /// When it is logged, saved, validated.
  ///
  /// @param patience validations without a lower loss after which the run stops, or 0
  public record Cadence(
      Every logging,
      boolean logsFirstStep,
      Every saving,
      Every validation,
      boolean validatesFirst,
      boolean keepsBest,
      int patience) {}

  /// What is written.
  ///
  /// @param resume `true` for the newest whole checkpoint, a directory, or null
  /// @param keptCheckpoints most checkpoints kept, or 0 for all
  public record Output(
      Path directory,
      boolean overwrites,
      @Nullable String resume,
      int keptCheckpoints,
      boolean savesOnlyModel,
      boolean plots,
      boolean bar,
      boolean effectiveThroughput) {}
}
