package dev.lathe.app.http.openai;

import dev.lathe.app.http.Fields;
import org.jspecify.annotations.Nullable;

/// Whether an answer is sent as it comes.
///
/// @param usage whether the last event says how many tokens there were
record Streaming(boolean wanted, boolean usage) {
  private record Options(boolean usage) {
    static Options read(Fields in) {
      boolean usage = in.field("include_usage", "whether the last event counts tokens").flag(false);
      in.refused("include_obfuscation", "nothing is added to hide lengths", "false");
      in.refused("continuous_usage_stats", "only the last event counts tokens", "false");
      return new Options(usage);
    }
  }

  static Streaming read(Fields in) {
    boolean wanted = in.field("stream", "whether the answer is sent as it comes").flag(false);
    @Nullable Options options =
        in.field("stream_options", "what is sent beside").objectOrNull(Options::read);
    if (options != null && !wanted) {
      in.problem("stream_options", "'stream_options' needs 'stream': true");
    }
    return new Streaming(wanted, options != null && options.usage);
  }
}
