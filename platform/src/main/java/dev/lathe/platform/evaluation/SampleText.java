package dev.lathe.platform.evaluation;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/// A text to measure perplexity on.
///
/// @param name for reports
public record SampleText(String name, String text) {
  /// The texts that come with Lathe, both in the public domain: the first chapters of Moby-Dick
  /// (Herman Melville, 1851), and the first ten books of the Analects (論語), in simplified
  /// characters.
  public static List<SampleText> usual() {
    return List.of(own("moby-dick"), own("analects"));
  }

  private static SampleText own(String name) {
    try (InputStream in = SampleText.class.getResourceAsStream(name + ".txt")) {
      if (in == null) {
        throw new IllegalStateException(name + ".txt is missing in the build");
      }
      return new SampleText(name, new String(in.readAllBytes(), StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
