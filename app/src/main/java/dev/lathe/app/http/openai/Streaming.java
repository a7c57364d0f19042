package dev.lathe.app.http.openai;

import dev.lathe.app.http.Fields;
import org.jspecify.annotations.Nullable;

/// Whether an answer is sent as it comes.
///
/// @param usage whether the last event says how many tokens there were
/// @param runningUsage whether every other event says how many tokens its answer has so far
record Streaming(boolean wanted, boolean usage, boolean runningUsage) {
  private record Options(boolean usage, boolean runningUsage) {
    static Options read(Fields in) {
      boolean usage = in.field("include_usage", "whether the last event counts tokens").flag(false);
      boolean runningUsage =
          in.field("continuous_usage_stats", "whether each event counts its answer's tokens so far")
              .flag(false);
      in.refused("include_obfuscation", "nothing is added to hide lengths", "false");
      return new Options(usage, runningUsage);
    }
  }

  static Streaming read(Fields in) {
    boolean wanted = in.field("stream", "whether the answer is sent as it comes").flag(false);
    @Nullable Options options =
        in.field("stream_options", "what is sent beside").objectOrNull(Options::read);
    if (options != null && !wanted) {
      in.problem("stream_options", "'stream_options' needs 'stream': true");
    }
    return new Streaming(
        wanted, options != null && options.usage, options != null && options.runningUsage);
  }
}
