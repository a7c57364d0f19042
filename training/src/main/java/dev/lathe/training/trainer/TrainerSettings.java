package dev.lathe.training.trainer;

import dev.lathe.compute.LatheException;
import dev.lathe.training.tensor.Precision;

/// How the factors are trained. Each setting means what it means to Hugging Face's trainer.
///
/// @param learningRate peak of the schedule, above 0
/// @param warmupSteps steps of the linear rise from 0; 0 for none
/// @param totalSteps steps of the whole run, at the end of which linear and cosine schedules reach
///   0
/// @param weightDecay decoupled decay per unit of learning rate; 0 for none
/// @param beta1 decay of the first moment, `[0, 1)`
/// @param beta2 decay of the second moment, `[0, 1)`
/// @param epsilon added to the root of the second moment, above 0
/// @param maxGradNorm L2 norm to which larger gradients are scaled down; 0 for no clipping
/// @param seed decides the initial factors and the dropout
/// @param precision type of the frozen weights and the activations
/// @param threads compute threads, 1 or more; another number may change the last bits of a result
public record TrainerSettings(
    double learningRate,
    Schedule schedule,
    int warmupSteps,
    int totalSteps,
    double weightDecay,
    double beta1,
    double beta2,
    double epsilon,
    double maxGradNorm,
    long seed,
    Precision precision,
    int threads) {
  public TrainerSettings {
    require(learningRate > 0, "learning_rate", learningRate, "(0, ...)");
    require(warmupSteps >= 0, "warmup_steps", warmupSteps, "[0, ...)");
    require(totalSteps >= 1, "total steps", totalSteps, "[1, ...)");
    require(weightDecay >= 0, "weight_decay", weightDecay, "[0, ...)");
    require(beta1 >= 0 && beta1 < 1, "adam_beta1", beta1, "[0, 1)");
    require(beta2 >= 0 && beta2 < 1, "adam_beta2", beta2, "[0, 1)");
    require(epsilon > 0, "adam_epsilon", epsilon, "(0, ...)");
    require(maxGradNorm >= 0, "max_grad_norm", maxGradNorm, "[0, ...)");
    require(threads >= 1, "threads", threads, "[1, ...)");
    if (schedule == Schedule.CONSTANT && warmupSteps > 0) {
      throw LatheException.user(
          "lr_scheduler_type 'constant' has no warm-up, but warmup_steps is " + warmupSteps,
          "choose 'constant_with_warmup' or set warmup_steps to 0");
    }
  }

  /// Rate of the step after `done` steps.
  double rate(int done) {
    return learningRate * schedule.factor(done, warmupSteps, totalSteps);
  }

  private static void require(boolean holds, String name, double value, String range) {
    if (!holds || Double.isInfinite(value)) {
      throw LatheException.user(
          name + " " + value + " is outside " + range, "choose a value in that range");
    }
  }
}
