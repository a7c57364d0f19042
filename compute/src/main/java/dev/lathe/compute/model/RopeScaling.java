package dev.lathe.compute.model;

import dev.lathe.compute.model.ModelConfig.Rope;
import java.util.ArrayList;
import java.util.List;

/// How rotary frequencies are stretched for contexts longer than the first training.
///
/// Computed as `ROPE_INIT_FUNCTIONS` of transformers does. Plain: `theta^(-2i/D)`. Linear: Chen et
/// al. 2023, arXiv 2306.15595. YaRN: Peng et al. 2023, arXiv 2309.00071. Llama 3: the frequency
/// bands of `apply_scaling` in the reference code of Llama 3.1. Per-dimension factors: the
/// `rope_freqs` tensor of GGUF files, which carries the Llama 3 bands.
sealed interface RopeScaling {
  /// Frequencies as trained.
  record Plain() implements RopeScaling {}

  /// All frequencies divided by `factor`.
  record Linear(double factor) implements RopeScaling {}

  /// Frequency `i` divided by `factors[i]`; `D/2` factors.
  record Factors(List<Double> factors) implements RopeScaling {
    public Factors {
      factors = List.copyOf(factors);
    }
  }

  /// Low frequencies divided, high ones kept, blended between.
  record Llama3(double factor, double lowFactor, double highFactor, double original)
      implements RopeScaling {}

  /// Interpolation below `betaSlow` rotations in the original context, none above `betaFast`.
  ///
  /// @param attentionScale factor on cos and sin
  /// @param truncate whether the band's borders are whole dimensions
  record Yarn(
      double factor,
      double original,
      double betaFast,
      double betaSlow,
      double attentionScale,
      boolean truncate)
      implements RopeScaling {
    /// The scale of the paper, `0.1 m ln(factor) + 1`.
    static double scale(double factor, double m) {
      return factor <= 1 ? 1 : 0.1 * m * Math.log(factor) + 1;
    }
  }

  /// The frequencies for heads of `headWidth`.
  default Rope rope(double theta, int headWidth) {
    List<Double> frequencies = new ArrayList<>();
    for (int i = 0; i < headWidth / 2; i++) {
      double plain = Math.pow(theta, -2.0 * i / headWidth);
      frequencies.add(
          switch (this) {
            case Plain() -> plain;
            case Linear(double factor) -> plain / factor;
            case Factors(List<Double> factors) -> plain / factors.get(i);
            case Llama3 bands -> llama3(bands, plain);
            case Yarn yarn -> yarn(yarn, plain, i, theta, headWidth);
          });
    }
    double attention = this instanceof Yarn yarn ? yarn.attentionScale : 1;
    return new Rope(theta, frequencies, attention);
  }

  private static double llama3(Llama3 bands, double plain) {
    double turns = bands.original * plain / (2 * Math.PI);
    if (turns < bands.lowFactor) {
      return plain / bands.factor;
    }
    if (turns > bands.highFactor) {
      return plain;
    }
    double smooth = (turns - bands.lowFactor) / (bands.highFactor - bands.lowFactor);
    return (1 - smooth) * plain / bands.factor + smooth * plain;
  }

  private static double yarn(Yarn yarn, double plain, int i, double theta, int headWidth) {
    double low = border(yarn.betaFast, yarn.original, theta, headWidth);
    double high = border(yarn.betaSlow, yarn.original, theta, headWidth);
    low = Math.max(yarn.truncate ? Math.floor(low) : low, 0);
    high = Math.min(yarn.truncate ? Math.ceil(high) : high, headWidth - 1.0);
    double width = low == high ? 0.001 : high - low;
    double interpolated = Math.clamp((i - low) / width, 0, 1);
    return plain / yarn.factor * interpolated + plain * (1 - interpolated);
  }

  /// The dimension that turns `rotations` times in the original context.
  private static double border(double rotations, double original, double theta, int headWidth) {
    return headWidth * Math.log(original / (rotations * 2 * Math.PI)) / (2 * Math.log(theta));
  }
}
