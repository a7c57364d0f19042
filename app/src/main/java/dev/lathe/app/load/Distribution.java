package dev.lathe.app.load;

import java.util.Arrays;
import java.util.stream.DoubleStream;

/// Values in milliseconds, and where they lie.
public final class Distribution {
  private final double[] sorted;

  private Distribution(double[] sorted) {
    this.sorted = sorted;
  }

  /// @param seconds values; those that are not numbers are left out
  static Distribution of(DoubleStream seconds) {
    double[] values = seconds.filter(value -> !Double.isNaN(value)).map(s -> s * 1e3).toArray();
    Arrays.sort(values);
    return new Distribution(values);
  }

  public int count() {
    return sorted.length;
  }

  /// NaN without values.
  public double mean() {
    return Arrays.stream(sorted).average().orElse(Double.NaN);
  }

  /// The value below which a share of all lies, between neighbours on a straight line; NaN without
  /// values.
  ///
  /// @param share `[0, 1]`
  public double quantile(double share) {
    if (sorted.length == 0) {
      return Double.NaN;
    }
    double at = share * (sorted.length - 1);
    int below = (int) at;
    int above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
  }

  public double max() {
    return quantile(1);
  }
}
