package dev.lathe.platform.tuning;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.training.trainer.StepReport;

/// The books of a run: all sums that its logs and results are made of. Saved with every checkpoint,
/// so that a resumed run goes on with the same sums to the last bit.
final class RunState {
  private int step;
  private double lossSum;
  private double windowLoss;
  private int windowSteps;
  private long tokens;
  private long scoredTokens;
  private long rows;
  private double seconds;
  private double bestLoss = Double.POSITIVE_INFINITY;
  private int bestStep;
  private int worse;
  private double lastLoss = Double.NaN;
  private int lastValidated = -1;
  private double gradientNorm;
  private double learningRate;
  private ArrayNode history = Json.MAPPER.createArrayNode();

  /// Counts a step.
  void add(StepReport report, int rowsOfStep) {
    step = report.step();
    lossSum += report.loss();
    windowLoss += report.loss();
    windowSteps++;
    tokens += report.tokens();
    scoredTokens += report.scoredTokens();
    rows += rowsOfStep;
    gradientNorm = report.gradientNorm();
    learningRate = report.learningRate();
  }

  /// Mean loss since the last call.
  double takeWindowLoss() {
    double mean = windowLoss / windowSteps;
    windowLoss = 0;
    windowSteps = 0;
    return mean;
  }

  boolean hasWindow() {
    return windowSteps > 0;
  }

  /// Counts a validation.
  ///
  /// @return whether it is the best so far
  boolean validated(double loss) {
    lastLoss = loss;
    lastValidated = step;
    if (loss < bestLoss) {
      bestLoss = loss;
      bestStep = step;
      worse = 0;
      return true;
    }
    worse++;
    return false;
  }

  void addHistory(ObjectNode entry) {
    history.add(entry);
  }

  void addSeconds(double more) {
    seconds += more;
  }

  int step() {
    return step;
  }

  double meanLoss() {
    return step == 0 ? 0 : lossSum / step;
  }

  long tokens() {
    return tokens;
  }

  long scoredTokens() {
    return scoredTokens;
  }

  long rows() {
    return rows;
  }

  double seconds() {
    return seconds;
  }

  boolean hasBest() {
    return bestLoss < Double.POSITIVE_INFINITY;
  }

  double bestLoss() {
    return bestLoss;
  }

  int bestStep() {
    return bestStep;
  }

  /// Validations since the best one.
  int worse() {
    return worse;
  }

  /// Loss of the last validation.
  double lastLoss() {
    return lastLoss;
  }

  /// Step of the last validation, or -1.
  int lastValidated() {
    return lastValidated;
  }

  double gradientNorm() {
    return gradientNorm;
  }

  double learningRate() {
    return learningRate;
  }

  ArrayNode history() {
    return history;
  }

  /// Everything but the history.
  ObjectNode toJson() {
    ObjectNode json = Json.object();
    json.put("step", step);
    json.put("loss_sum", lossSum);
    json.put("window_loss", windowLoss);
    json.put("window_steps", windowSteps);
    json.put("tokens", tokens);
    json.put("scored_tokens", scoredTokens);
    json.put("rows", rows);
    json.put("seconds", seconds);
    if (hasBest()) {
      json.put("best_loss", bestLoss);
      json.put("best_step", bestStep);
    }
    json.put("worse", worse);
    if (lastValidated >= 0) {
      json.put("last_loss", lastLoss);
      json.put("last_validated", lastValidated);
    }
    json.put("gradient_norm", gradientNorm);
    json.put("learning_rate", learningRate);
    return json;
  }

  static RunState fromJson(JsonNode json, JsonNode history) {
    RunState state = new RunState();
    state.step = json.get("step").intValue();
    state.lossSum = json.get("loss_sum").doubleValue();
    state.windowLoss = json.get("window_loss").doubleValue();
    state.windowSteps = json.get("window_steps").intValue();
    state.tokens = json.get("tokens").longValue();
    state.scoredTokens = json.get("scored_tokens").longValue();
    state.rows = json.get("rows").longValue();
    state.seconds = json.get("seconds").doubleValue();
    state.bestLoss = json.path("best_loss").asDouble(Double.POSITIVE_INFINITY);
    state.bestStep = json.path("best_step").asInt(0);
    state.worse = json.get("worse").intValue();
    state.lastLoss = json.path("last_loss").asDouble(Double.NaN);
    state.lastValidated = json.path("last_validated").asInt(-1);
    state.gradientNorm = json.get("gradient_norm").doubleValue();
    state.learningRate = json.get("learning_rate").doubleValue();
    state.history = history.deepCopy();
    return state;
  }
}
