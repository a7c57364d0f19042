package dev.lathe.platform.dataset;

import org.jspecify.annotations.Nullable;

/// Where a row keeps its parts: LLaMA-Factory's `formatting`, `columns` and `tags`.
///
/// @param ranking whether rows hold a chosen and a rejected answer
/// @param samples rows to draw, or null for all
record Layout(
    Format format, Columns columns, Tags tags, boolean ranking, @Nullable Integer samples) {
  enum Format {
    ALPACA,
    SHAREGPT,
    OPENAI
  }

  /// Keys of a row; null where the row has no such part.
  record Columns(
      @Nullable String prompt,
      @Nullable String query,
      @Nullable String response,
      @Nullable String history,
      @Nullable String messages,
      @Nullable String system,
      @Nullable String tools,
      @Nullable String images,
      @Nullable String videos,
      @Nullable String audios,
      @Nullable String chosen,
      @Nullable String rejected,
      @Nullable String ktoTag) {
    static final Columns STANDARD =
        new Columns(
            "instruction",
            "input",
            "output",
            null,
            "conversations",
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null);
  }

  /// Keys and role names of a chat message; null where there is no such role.
  record Tags(
      @Nullable String role,
      @Nullable String content,
      @Nullable String user,
      @Nullable String assistant,
      @Nullable String observation,
      @Nullable String function,
      @Nullable String system) {
    static final Tags STANDARD =
        new Tags("from", "value", "human", "gpt", "observation", "function_call", "system");
    static final Tags OPENAI =
        new Tags("role", "content", "user", "assistant", "tool", "function_call", "system");
  }
}
