package dev.lathe.training.trainer;

/// What one optimizer step did.
///
/// @param step number of the step, from 1
/// @param loss mean negative log-likelihood per scored token, in nats
/// @param gradientNorm L2 norm before clipping
/// @param learningRate rate of this step
/// @param tokens tokens of all rows
/// @param scoredTokens targets of the loss
/// @param seconds wall time
public record StepReport(
    int step,
    double loss,
    double gradientNorm,
    double learningRate,
    long tokens,
    long scoredTokens,
    double seconds) {}
