package dev.lathe.app.http.serving;

import dev.lathe.app.http.Schemas;
import dev.lathe.app.http.Shape;
import dev.lathe.compute.engine.Likelihood;
import dev.lathe.compute.text.Tokenizer;
import dev.lathe.platform.gateway.Piece;
import java.util.List;

/// How likely the tokens of an answer were, as every chat API shows it.
public record TokenLogprobs(List<Entry> content) {
  /// A token.
  ///
  /// @param bytes its UTF-8, which may be part of a character
  /// @param likeliest the likeliest tokens at its place
  public record Entry(String token, float logprob, int[] bytes, List<Entry> likeliest) {}

  private static final Shape<Entry> ALTERNATIVE = entry("TopLogprob").build();

  public static final Shape<Entry> ENTRY =
      entry("TokenLogprob")
          .objects(
              "top_logprobs", "the likeliest tokens at this place", Entry::likeliest, ALTERNATIVE)
          .build();

  public static final Shape<TokenLogprobs> SHAPE =
      Shape.<TokenLogprobs>named("Logprobs")
          .objects("content", "the tokens of the content", TokenLogprobs::content, ENTRY)
          .build();

  private static Shape.Builder<Entry> entry(String name) {
    return Shape.<Entry>named(name)
        .text("token", "its text", Entry::token)
        .own(
            "logprob",
            Schemas.number(),
            "natural logarithm of its probability",
            (out, each) -> out.writeNumber(each.logprob))
        .wholes("bytes", "its UTF-8, which may be part of a character", Entry::bytes);
  }

  public static TokenLogprobs of(List<Piece.Scored> tokens, Tokenizer tokenizer) {
    return new TokenLogprobs(
        tokens.stream().map(token -> entry(token.likelihood(), tokenizer)).toList());
  }

  private static Entry entry(Likelihood likelihood, Tokenizer tokenizer) {
    List<Entry> likeliest =
        likelihood.likeliest().stream()
            .map(each -> entry(each.token(), each.logprob(), tokenizer, List.of()))
            .toList();
    return entry(likelihood.token(), likelihood.logprob(), tokenizer, likeliest);
  }

  private static Entry entry(int token, float logprob, Tokenizer tokenizer, List<Entry> likeliest) {
    byte[] utf8 = tokenizer.bytes(token);
    int[] bytes = new int[utf8.length];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = utf8[i] & 0xff;
    }
    return new Entry(tokenizer.decode(new int[] {token}, false), logprob, bytes, likeliest);
  }
}
