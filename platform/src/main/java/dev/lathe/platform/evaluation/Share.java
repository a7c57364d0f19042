package dev.lathe.platform.evaluation;

import java.util.Locale;

/// So many right of so many.
public record Share(int right, int of) {
  private static final double Z95 = 1.959963984540054;

  public Share {
    if (right < 0 || of < right) {
      throw new IllegalArgumentException(right + " right of " + of);
    }
  }

  /// The part that is right, `[0, 1]`; 0 of nothing.
  public double part() {
    return of == 0 ? 0 : (double) right / of;
  }

  /// Lower end of the 95 % interval of Wilson (1927), `[0, 1]`.
  public double low() {
    return of == 0 ? 0 : Math.max(0, center() - halfWidth());
  }

  /// Upper end of the 95 % interval of Wilson (1927), `[0, 1]`.
  public double high() {
    return of == 0 ? 1 : Math.min(1, center() + halfWidth());
  }

  private double center() {
    return (part() + Z95 * Z95 / (2.0 * of)) / (1 + Z95 * Z95 / of);
  }

  private double halfWidth() {
    double variance = part() * (1 - part()) / of + Z95 * Z95 / (4.0 * of * of);
    return Z95 * Math.sqrt(variance) / (1 + Z95 * Z95 / of);
  }

  /// `104 of 120 · 87 % (95 % interval 80–92 %)`
  @Override
  public String toString() {
    if (of == 0) {
      return "nothing judged";
    }
    return String.format(
        Locale.ROOT,
        "%d of %d · %.0f %% (95 %% interval %.0f–%.0f %%)",
        right,
        of,
        100 * part(),
        100 * low(),
        100 * high());
  }
}
