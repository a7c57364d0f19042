package dev.lathe.platform.registry;

import java.util.Locale;

/// Byte counts for readers, in decimal units as disks are sold.
public final class Sizes {
  private Sizes() {}

  /// `98.4 MB`, `1.3 GB`, `811 B`.
  public static String text(long bytes) {
    if (bytes < 1000) {
      return bytes + " B";
    }
    double value = bytes;
    int unit = -1;
    while (value >= 999.95) {
      value /= 1000;
      unit++;
    }
    return String.format(Locale.ROOT, "%.1f %cB", value, "kMGTPE".charAt(unit));
  }
}
