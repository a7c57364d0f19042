package dev.lathe.compute.engine;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// How likely the model held one token, see [Logprobs].
///
/// @param logprob its log-probability, at most 0
/// @param likeliest the likeliest tokens of that position, the likeliest first, of equals the one
///   with the smaller id; the token itself is among them only if it is one of them
public record Likelihood(int token, float logprob, List<Alternative> likeliest) {
  public Likelihood {
    likeliest = List.copyOf(likeliest);
  }

  /// A token that could have come.
  public record Alternative(int token, float logprob) {}

  /// From the logits `[V]` at `at`.
  ///
  /// @param max the largest of them
  static Likelihood of(int token, float[] logits, int at, int vocabulary, float max, int count) {
    double sum = 0;
    for (int id = 0; id < vocabulary; id++) {
      sum += Math.exp(logits[at + id] - max);
    }
    double norm = max + Math.log(sum);
    List<Alternative> alternatives = new ArrayList<>(count);
    for (int id : largest(logits, at, vocabulary, Math.min(count, vocabulary))) {
      alternatives.add(new Alternative(id, (float) (logits[at + id] - norm)));
    }
    return new Likelihood(token, (float) (logits[at + token] - norm), alternatives);
  }

  /// Ids of the largest, by insertion into a short list.
  private static int[] largest(float[] logits, int at, int vocabulary, int count) {
    int[] ids = new int[count];
    int size = 0;
    for (int id = 0; id < vocabulary && count > 0; id++) {
      float logit = logits[at + id];
      if (size == count && logit <= logits[at + ids[size - 1]]) {
        continue;
      }
      int place = size < count ? size++ : size - 1;
      for (; place > 0 && logits[at + ids[place - 1]] < logit; place--) {
        ids[place] = ids[place - 1];
      }
      ids[place] = id;
    }
    return Arrays.copyOf(ids, size);
  }
}
