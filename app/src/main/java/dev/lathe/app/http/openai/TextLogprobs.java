package dev.lathe.app.http.openai;

import dev.lathe.app.http.Schemas;
import dev.lathe.app.http.Shape;
import dev.lathe.compute.engine.Likelihood;
import dev.lathe.compute.text.Tokenizer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// How likely the tokens of a text were, as completions show it: lists side by side, one place for
/// each token.
record TextLogprobs(List<Entry> entries) {
  /// @param likelihood null for the first token of a prompt, before which nothing comes
  private record Entry(
      String token, @Nullable Likelihood likelihood, Map<String, Float> likeliest, int offset) {}

  static final Shape<TextLogprobs> SHAPE =
      Shape.<TextLogprobs>named("TextLogprobs")
          .texts(
              "tokens",
              "their texts",
              logprobs -> logprobs.entries.stream().map(Entry::token).toList())
          .list(
              "token_logprobs",
              Schemas.either(Schemas.number(), Schemas.none()),
              "natural logarithms of their probabilities, null for a first token",
              TextLogprobs::entries,
              (out, entry) -> {
                if (entry.likelihood == null) {
                  out.writeNull();
                } else {
                  out.writeNumber(entry.likelihood.logprob());
                }
              })
          .list(
              "top_logprobs",
              Schemas.either(Schemas.object(), Schemas.none()),
              "the likeliest tokens at each place and their log-probabilities",
              TextLogprobs::entries,
              (out, entry) -> {
                if (entry.likelihood == null) {
                  out.writeNull();
                  return;
                }
                out.writeStartObject();
                for (Map.Entry<String, Float> each : entry.likeliest.entrySet()) {
                  out.writeNumberField(each.getKey(), each.getValue());
                }
                out.writeEndObject();
              })
          .list(
              "text_offset",
              Schemas.whole(),
              "characters of the text before each token",
              TextLogprobs::entries,
              (out, entry) -> out.writeNumber(entry.offset))
          .build();

  /// Gathers entries in order.
  static final class Builder {
    private final Tokenizer tokenizer;
    private final List<Entry> entries = new ArrayList<>();

    Builder(Tokenizer tokenizer) {
      this.tokenizer = tokenizer;
    }

    Builder addFirst(int token) {
      entries.add(new Entry(text(token), null, Map.of(), 0));
      return this;
    }

    Builder add(Likelihood likelihood, int offset) {
      Map<String, Float> likeliest = new LinkedHashMap<>();
      for (Likelihood.Alternative each : likelihood.likeliest()) {
        likeliest.put(text(each.token()), each.logprob());
      }
      entries.add(new Entry(text(likelihood.token()), likelihood, likeliest, offset));
      return this;
    }

    /// What is a whole text stands for itself, parts of a character for their bytes.
    private String text(int token) {
      String text = tokenizer.decode(new int[] {token}, false);
      if (!text.contains("\uFFFD")) {
        return text;
      }
      StringBuilder bytes = new StringBuilder("bytes:");
      for (byte each : tokenizer.bytes(token)) {
        bytes.append(String.format(Locale.ROOT, "\\x%02x", each));
      }
      return bytes.toString();
    }

    /// Null where there is none.
    @Nullable TextLogprobs build() {
      return entries.isEmpty() ? null : new TextLogprobs(List.copyOf(entries));
    }
  }
}
