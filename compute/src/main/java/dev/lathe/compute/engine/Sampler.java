package dev.lathe.compute.engine;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.kernel.Kernel;
import java.util.BitSet;
import java.util.Set;
import java.util.SplittableRandom;

/// Chooses the next token of one stream. Order as in transformers: bias, penalties, temperature,
/// top-k, top-p, min-p. Its random numbers depend on the seed alone.
final class Sampler {
  /// How far below the largest logit the first look for candidates goes; doubled until it suffices.
  private static final float FIRST_DEPTH = 8;

  private final Sampling sampling;
  private final Set<Integer> stopTokens;
  private final int minTokens;
  private final Kernel kernel;
  private final int vocabulary;
  private final SplittableRandom random;
  private final BitSet seen = new BitSet();
  private final BitSet written = new BitSet();
  private int known;

  Sampler(Request request, Kernel kernel, int vocabulary) {
    this.sampling = request.sampling();
    this.stopTokens = request.stopTokens();
    this.minTokens = request.minTokens();
    this.kernel = kernel;
    this.vocabulary = vocabulary;
    this.random = new SplittableRandom(sampling.seed());
  }

  /// The next token of a sequence.
  ///
  /// @param logits the row's logits from `at` on; changed
  int next(Sequence sequence, float[] logits, int at, Candidates candidates) {
    shift(sequence, logits, at);
    repeat(sequence, logits, at);
    int likeliest = kernel.argmax(logits, at, vocabulary);
    float max = likeliest < 0 ? Float.NaN : logits[at + likeliest];
    if (!Float.isFinite(max)) {
      throw new LatheException(
          LatheException.Kind.INTERNAL,
          "the model's largest logit is " + max,
          "check the model and the adapter for values that are not finite");
    }
    if (sampling.temperature() == 0) {
      return likeliest;
    }
    return draw(logits, at, max, candidates);
  }

  /// What is added to logits: bias, frequency and presence penalties; minus infinity to a stop
  /// token that would come too early.
  private void shift(Sequence sequence, float[] logits, int at) {
    if (sequence.outputLength() < minTokens) {
      for (int id : stopTokens) {
        logits[at + id] = Float.NEGATIVE_INFINITY;
      }
    }
    sampling.logitBias().forEach((id, bias) -> logits[at + id] += bias);
    if (sampling.frequencyPenalty() != 0 || sampling.presencePenalty() != 0) {
      written.clear();
      for (int i = sequence.promptLength(); i < sequence.length(); i++) {
        int id = sequence.token(i);
        logits[at + id] -= (float) sampling.frequencyPenalty();
        if (!written.get(id)) {
          written.set(id);
          logits[at + id] -= (float) sampling.presencePenalty();
        }
      }
    }
  }

  private void repeat(Sequence sequence, float[] logits, int at) {
    if (sampling.repetitionPenalty() == 1) {
      return;
    }
    for (; known < sequence.length(); known++) {
      seen.set(sequence.token(known));
    }
    float penalty = (float) sampling.repetitionPenalty();
    for (int id = seen.nextSetBit(0); id >= 0; id = seen.nextSetBit(id + 1)) {
      float logit = logits[at + id];
      logits[at + id] = logit > 0 ? logit / penalty : logit * penalty;
    }
  }

  private int draw(float[] logits, int at, float max, Candidates candidates) {
    boolean all = sampling.topK() == 0 && sampling.topP() == 1;
    float depth = all ? Float.POSITIVE_INFINITY : FIRST_DEPTH * (float) sampling.temperature();
    double total = 0;
    if (sampling.topK() == 0 && sampling.topP() < 1) {
      for (int i = 0; i < vocabulary; i++) {
        total += Math.exp((logits[at + i] - max) / sampling.temperature());
      }
    }
    while (true) {
      candidates.clear();
      for (int i = 0; i < vocabulary; i++) {
        if (logits[at + i] >= max - depth) {
          candidates.add(i, Math.exp((logits[at + i] - max) / sampling.temperature()));
        }
      }
      boolean complete = candidates.size() == vocabulary || Float.isInfinite(depth);
      if (cut(candidates, complete, total)) {
        return candidates.pick(random.nextDouble());
      }
      depth = depth > 1000 ? Float.POSITIVE_INFINITY : depth * 2;
    }
  }

  /// Applies top-k, top-p and min-p; false when more candidates must be looked at first.
  private boolean cut(Candidates candidates, boolean complete, double allMass) {
    int k = sampling.topK();
    if (k > 0) {
      if (candidates.size() < k && !complete) {
        return false;
      }
      candidates.keepLargest(k);
    }
    if (sampling.topP() < 1) {
      double total = k > 0 ? candidates.mass() : allMass;
      if (!complete && candidates.mass() < sampling.topP() * total) {
        return false;
      }
      candidates.keepMass(sampling.topP() * total);
    }
    if (sampling.minP() > 0) {
      candidates.keepAbove(sampling.minP());
    }
    return true;
  }
}
