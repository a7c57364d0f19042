package dev.lathe.app.load;

import java.util.SplittableRandom;

/// When requests are sent, in seconds from the start, whatever happened to the ones before: an open
/// loop.
public final class Arrivals {
  private Arrivals() {}

  /// All at once.
  public static double[] atOnce(int count) {
    return new double[count];
  }

  /// A Poisson process whose rate goes evenly from one value to another over the requests; equal
  /// values make it steady. Its first request comes at 0.
  ///
  /// @param from requests per second at the first request, above 0
  /// @param to requests per second at the last request, above 0
  public static double[] poisson(int count, double from, double to, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    double[] times = new double[count];
    for (int i = 1; i < count; i++) {
      double rate = from + (to - from) * i / (count - 1);
      times[i] = times[i - 1] - Math.log(1 - random.nextDouble()) / rate;
    }
    return times;
  }
}
