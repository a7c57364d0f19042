package dev.lathe.compute.engine;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.kernel.Kernel;
import java.util.Arrays;
import java.util.BitSet;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/// Chooses the next token of one stream. First what the constraint forbids falls out; then as in
/// transformers: bias, penalties, temperature, top-k, top-p, min-p. Its random numbers depend on
/// the seed alone.
final class Sampler {
  /// How far below the largest logit the first look for candidates goes; doubled until it suffices.
  private static final float FIRST_DEPTH = 8;

  private final Sampling sampling;
  private final int[] stopTokens;
  private final int[] biased;
  private final float[] biases;
  private final @Nullable TokenConstraint constraint;
  private final int minTokens;
  private final Kernel kernel;
  private final Candidates candidates;
  private final int vocabulary;
  private final SplittableRandom random;
  private final BitSet seen = new BitSet();
  private final BitSet written = new BitSet();
  private final long[] allowed;

  /// Whether the constraint allows a token that is not a stop token.
  private boolean anyAllowed = true;

  private boolean stopAllowed = true;
  private int known;

  Sampler(Request request, Kernel kernel, Candidates candidates) {
    this.sampling = request.sampling();
    this.stopTokens = request.stopTokens().stream().mapToInt(Integer::intValue).toArray();
    this.biased = sampling.logitBias().keySet().stream().mapToInt(Integer::intValue).toArray();
    this.biases = new float[biased.length];
    for (int i = 0; i < biased.length; i++) {
      biases[i] = sampling.logitBias().getOrDefault(biased[i], 0f);
    }
    this.constraint = request.constraint() == null ? null : request.constraint().get();
    this.minTokens = request.minTokens();
    this.kernel = kernel;
    this.candidates = candidates;
    this.vocabulary = candidates.vocabulary();
    this.random = new SplittableRandom(sampling.seed());
    this.allowed = new long[constraint == null ? 0 : (vocabulary + 63) / 64];
    look();
  }

  /// Asks the constraint what may come next.
  private void look() {
    if (constraint == null) {
      return;
    }
    Arrays.fill(allowed, -1);
    if (vocabulary % 64 != 0) {
      allowed[allowed.length - 1] = (1L << vocabulary) - 1;
    }
    constraint.mask(allowed);
    stopAllowed = constraint.mayStop();
    for (int id : stopTokens) {
      allowed[id / 64] &= ~(1L << id);
    }
    anyAllowed = false;
    for (long word : allowed) {
      anyAllowed |= word != 0;
    }
    for (int id : stopTokens) {
      allowed[id / 64] |= stopAllowed ? 1L << id : 0;
    }
  }

  /// Whether the constraint is fulfilled and allows nothing more.
  boolean mustStop() {
    return !anyAllowed && stopAllowed;
  }

  /// Takes note that the token returned last became part of the output.
  void accept(int token) {
    if (constraint != null) {
      constraint.accept(token);
      look();
    }
  }

  /// The next token of a sequence.
  ///
  /// @param logits the row's logits from `at` on; changed
  int next(Sequence sequence, float[] logits, int at) {
    forbid(sequence, logits, at);
    shift(sequence, logits, at);
    repeat(sequence, logits, at);
    int likeliest = likeliest(logits, at);
    float max = logits[at + likeliest];
    if (sampling.temperature() == 0) {
      return likeliest;
    }
    return draw(logits, at, max);
  }

  private int likeliest(float[] logits, int at) {
    int likeliest = kernel.argmax(logits, at, vocabulary);
    float max = likeliest < 0 ? Float.NaN : logits[at + likeliest];
    if (!Float.isFinite(max)) {
      throw new LatheException(
          LatheException.Kind.INTERNAL,
          "the model's largest logit is " + max,
          "check the model and the adapter for values that are not finite");
    }
    return likeliest;
  }

  /// A copy of logits that [#next] is about to change.
  float[] keep(float[] logits, int at) {
    return candidates.keep(logits, at);
  }

  /// How likely a token is by unchanged logits.
  Likelihood likelihood(int token, float[] logits, int at, int alternatives) {
    float max = logits[at + likeliest(logits, at)];
    return Likelihood.of(token, logits, at, vocabulary, max, alternatives);
  }

  /// Minus infinity to what the constraint forbids and to a stop token that would come too early.
  private void forbid(Sequence sequence, float[] logits, int at) {
    if (!anyAllowed) {
      throw LatheException.user(
          "after %d tokens of output the constraint allows no token of the vocabulary"
              .formatted(sequence.outputLength()),
          "loosen the grammar, the schema or the list of choices");
    }
    if (sequence.outputLength() < minTokens) {
      for (int id : stopTokens) {
        logits[at + id] = Float.NEGATIVE_INFINITY;
      }
    }
    for (int word = 0; word < allowed.length; word++) {
      for (long bits = ~allowed[word]; bits != 0; bits &= bits - 1) {
        int id = word * 64 + Long.numberOfTrailingZeros(bits);
        if (id < vocabulary) {
          logits[at + id] = Float.NEGATIVE_INFINITY;
        }
      }
    }
  }

  /// What is added to logits: bias, frequency and presence penalties.
  private void shift(Sequence sequence, float[] logits, int at) {
    for (int i = 0; i < biased.length; i++) {
      logits[at + biased[i]] += biases[i];
    }
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

  private int draw(float[] logits, int at, float max) {
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
      if (cut(complete, total)) {
        return candidates.pick(random.nextDouble());
      }
      depth = depth > 1000 ? Float.POSITIVE_INFINITY : depth * 2;
    }
  }

  /// Applies top-k, top-p and min-p; false when more candidates must be looked at first.
  private boolean cut(boolean complete, double allMass) {
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
