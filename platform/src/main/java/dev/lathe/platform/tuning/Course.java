package dev.lathe.platform.tuning;

import dev.lathe.compute.text.EncodedRow;
import dev.lathe.compute.text.Packer;
import dev.lathe.compute.text.TokenBatch;
import dev.lathe.platform.dataset.Order;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/// Which rows each step of a run sees: a pure function of recipe, rows and step, so that a resumed
/// run sees what the uninterrupted one would have seen.
///
/// Every epoch visits every row once, in an order drawn from the seed and the number of the epoch.
/// A step takes `rows * accumulation` rows; the last step of an epoch takes what is left. The
/// number of steps is counted as Hugging Face's trainer counts it.
public final class Course {
  private final Recipe recipe;
  private final List<List<EncodedRow>> units;
  private final int stepsPerEpoch;
  private final int totalSteps;

  private Course(Recipe recipe, List<List<EncodedRow>> units) {
    this.recipe = recipe;
    this.units = units;
    Recipe.Optimization optimization = recipe.optimization();
    int perStep = optimization.rowsPerStep();
    stepsPerEpoch = (units.size() + perStep - 1) / perStep;
    totalSteps =
        optimization.maxSteps() > 0
            ? optimization.maxSteps()
            : Math.toIntExact((long) Math.ceil(optimization.epochs() * stepsPerEpoch));
  }

  /// The course over encoded rows, each with at least one token.
  public static Course of(Recipe recipe, List<EncodedRow> rows) {
    return new Course(
        recipe,
        recipe.data().packing()
            ? knapsacks(rows, recipe.data().cutoff())
            : rows.stream().map(List::of).toList());
  }

  /*
   * Greedy knapsacks as in LLaMA-Factory's neat_packing: take the longest row that still fits, until
   * none fits; begin the next.
   */
  private static List<List<EncodedRow>> knapsacks(List<EncodedRow> rows, int capacity) {
    List<EncodedRow> left = new ArrayList<>(rows);
    left.sort(Comparator.comparingInt(EncodedRow::tokens).reversed());
    List<List<EncodedRow>> sacks = new ArrayList<>();
    while (!left.isEmpty()) {
      List<EncodedRow> sack = new ArrayList<>();
      int room = capacity;
      for (var rest = left.iterator(); rest.hasNext(); ) {
        EncodedRow row = rest.next();
        if (row.tokens() <= room || sack.isEmpty()) {
          sack.add(row);
          room -= row.tokens();
          rest.remove();
        }
      }
      sacks.add(List.copyOf(sack));
    }
    return List.copyOf(sacks);
  }

  /// Steps of one pass over the rows.
  public int stepsPerEpoch() {
    return stepsPerEpoch;
  }

  /// Steps of the whole run, unless it stops early.
  public int totalSteps() {
    return totalSteps;
  }

  /// Steps of linear warm-up.
  public int warmupSteps() {
    double warmup = recipe.optimization().warmup();
    return warmup < 1 ? (int) Math.ceil(warmup * totalSteps) : (int) warmup;
  }

  /// Passes over the rows after `steps` steps, a whole number at the end of a pass.
  public double epoch(int steps) {
    int forwards = (units.size() + recipe.optimization().rows() - 1) / recipe.optimization().rows();
    int within = steps % stepsPerEpoch;
    int done = Math.min(within * recipe.optimization().accumulation(), forwards);
    int passes = steps / stepsPerEpoch;
    return passes + (double) done / forwards;
  }

  /// Whether a pass ends with this step.
  ///
  /// @param step from 1
  public boolean endsEpoch(int step) {
    return step % stepsPerEpoch == 0;
  }

  /// Rows of one step, in order.
  ///
  /// @param step from 1
  public List<EncodedRow> rows(int step) {
    int epoch = (step - 1) / stepsPerEpoch;
    int[] order =
        recipe.data().shuffled()
            ? Order.shuffled(units.size(), recipe.data().seed(), epoch)
            : Order.inOrder(units.size());
    int perStep = recipe.optimization().rowsPerStep();
    int from = (step - 1) % stepsPerEpoch * perStep;
    List<EncodedRow> rows = new ArrayList<>();
    for (int i = from; i < Math.min(from + perStep, order.length); i++) {
      rows.addAll(units.get(order[i]));
    }
    return rows;
  }

  /// The rows of one step as batches of at most `tokens_in_flight` tokens, or of one longer row.
  public List<TokenBatch> batches(int step) {
    return pack(rows(step), recipe.tokensInFlight());
  }

  static List<TokenBatch> pack(List<EncodedRow> rows, int tokens) {
    int longest = rows.stream().mapToInt(EncodedRow::tokens).max().orElse(1);
    return Packer.pack(rows, Math.max(tokens, longest));
  }
}
