package dev.lathe.app.http.serving;

import java.util.concurrent.ThreadLocalRandom;

/// Names of answers and calls; nobody can do anything with them.
public final class Ids {
  private static final String LETTERS =
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  private static final int LENGTH = 24;

  private Ids() {}

  /// Letters and digits after a prefix.
  public static String next(String prefix) {
    return next(prefix, LENGTH);
  }

  static String next(String prefix, int length) {
    StringBuilder id = new StringBuilder(prefix);
    ThreadLocalRandom random = ThreadLocalRandom.current();
    for (int i = 0; i < length; i++) {
      id.append(LETTERS.charAt(random.nextInt(LETTERS.length())));
    }
    return id.toString();
  }
}
