package dev.lathe.compute.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.adapter.Adapter.Factor;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.model.WeightNames;
import dev.lathe.compute.weights.Dequantize;
import dev.lathe.compute.weights.WeightSource;
import org.jspecify.annotations.Nullable;

/// The decoder as the textbook has it, in doubles, one whole sequence at a time: the oracle.
final class PlainDecoder {
  private final ModelConfig config;
  private final WeightSource source;
  private final @Nullable Adapter adapter;

  PlainDecoder(ModelConfig config, WeightSource source, @Nullable Adapter adapter) {
    this.config = config;
    this.source = source;
    this.adapter = adapter;
  }

  /// Asserts that results differ from this decoder's nowhere by more than allowed.
  static void assertClose(float[][] actual, double[][] expected, double allowed) {
    assertThat(actual).hasDimensions(expected.length, expected[0].length);
    double largest = 0;
    for (int t = 0; t < expected.length; t++) {
      for (int v = 0; v < expected[t].length; v++) {
        largest = Math.max(largest, Math.abs(actual[t][v] - expected[t][v]));
      }
    }
    assertThat(largest).isLessThanOrEqualTo(allowed);
  }

  /// Logits after every token, `[T][V]`.
  double[][] logits(int[] tokens) {
    String head = config.tiedEmbeddings() ? WeightNames.EMBEDDING : WeightNames.HEAD;
    return times(hidden(tokens), weight(head), config.vocabulary());
  }

  /// States after the final norm, `[T][E]`.
  double[][] hidden(int[] tokens) {
    double[][] x = new double[tokens.length][];
    float[] embedding = weight(WeightNames.EMBEDDING);
    for (int t = 0; t < tokens.length; t++) {
      x[t] = new double[config.width()];
      for (int i = 0; i < config.width(); i++) {
        x[t][i] = embedding[tokens[t] * config.width() + i];
      }
    }
    for (int layer = 0; layer < config.layers(); layer++) {
      double[][] normed = norm(x, WeightNames.attentionNorm(layer));
      double[][] q = project(layer, Projection.Q, normed);
      double[][] k = project(layer, Projection.K, normed);
      double[][] v = project(layer, Projection.V, normed);
      rotate(q, config.heads());
      rotate(k, config.kvHeads());
      add(x, project(layer, Projection.O, attend(q, k, v)));
      double[][] inner = norm(x, WeightNames.mlpNorm(layer));
      double[][] gate = project(layer, Projection.GATE, inner);
      double[][] up = project(layer, Projection.UP, inner);
      for (int t = 0; t < x.length; t++) {
        for (int i = 0; i < config.feedForward(); i++) {
          gate[t][i] = gate[t][i] / (1 + Math.exp(-gate[t][i])) * up[t][i];
        }
      }
      add(x, project(layer, Projection.DOWN, gate));
    }
    return norm(x, WeightNames.FINAL_NORM);
  }

  private float[] weight(String name) {
    return Dequantize.toF32(source.tensor(name));
  }

  private static double[][] times(double[][] x, float[] w, int outputs) {
    double[][] y = new double[x.length][outputs];
    for (int t = 0; t < x.length; t++) {
      int inputs = x[t].length;
      for (int n = 0; n < outputs; n++) {
        for (int i = 0; i < inputs; i++) {
          y[t][n] += x[t][i] * w[n * inputs + i];
        }
      }
    }
    return y;
  }

  private double[][] project(int layer, Projection projection, double[][] x) {
    double[][] y = times(x, weight(WeightNames.weight(layer, projection)), config.out(projection));
    if (config.hasBias(projection)) {
      float[] bias = weight(WeightNames.bias(layer, projection));
      for (double[] row : y) {
        for (int n = 0; n < row.length; n++) {
          row[n] += bias[n];
        }
      }
    }
    if (adapter != null) {
      for (Factor factor : adapter.factors()) {
        if (factor.layer() == layer && factor.projection() == projection) {
          double[][] raised =
              times(times(x, factor.a(), factor.rank()), factor.b(), config.out(projection));
          for (int t = 0; t < y.length; t++) {
            for (int n = 0; n < y[t].length; n++) {
              y[t][n] += factor.scaling() * raised[t][n];
            }
          }
        }
      }
    }
    return y;
  }

  private double[][] norm(double[][] x, String name) {
    float[] weight = weight(name);
    double[][] y = new double[x.length][config.width()];
    for (int t = 0; t < x.length; t++) {
      double sum = 0;
      for (double value : x[t]) {
        sum += value * value;
      }
      double scale = 1 / Math.sqrt(sum / config.width() + config.normEpsilon());
      for (int i = 0; i < config.width(); i++) {
        y[t][i] = x[t][i] * scale * weight[i];
      }
    }
    return y;
  }

  private void rotate(double[][] x, int heads) {
    int half = config.headWidth() / 2;
    for (int t = 0; t < x.length; t++) {
      for (int head = 0; head < heads; head++) {
        for (int i = 0; i < half; i++) {
          double angle = t * config.rope().inverseFrequencies().get(i);
          int low = head * config.headWidth() + i;
          double a = x[t][low];
          double b = x[t][low + half];
          x[t][low] = a * Math.cos(angle) - b * Math.sin(angle);
          x[t][low + half] = b * Math.cos(angle) + a * Math.sin(angle);
        }
      }
    }
  }

  private double[][] attend(double[][] q, double[][] k, double[][] v) {
    int width = config.headWidth();
    int group = config.heads() / config.kvHeads();
    double[][] out = new double[q.length][config.heads() * width];
    for (int t = 0; t < q.length; t++) {
      for (int head = 0; head < config.heads(); head++) {
        int kv = head / group * width;
        double[] p = new double[t + 1];
        double total = 0;
        for (int s = 0; s <= t; s++) {
          for (int d = 0; d < width; d++) {
            p[s] += q[t][head * width + d] * k[s][kv + d];
          }
          p[s] = Math.exp(p[s] / Math.sqrt(width));
          total += p[s];
        }
        for (int s = 0; s <= t; s++) {
          for (int d = 0; d < width; d++) {
            out[t][head * width + d] += p[s] / total * v[s][kv + d];
          }
        }
      }
    }
    return out;
  }

  private static void add(double[][] x, double[][] y) {
    for (int t = 0; t < x.length; t++) {
      for (int i = 0; i < x[t].length; i++) {
        x[t][i] += y[t][i];
      }
    }
  }
}
