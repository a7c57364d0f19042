package dev.lathe.platform.gateway;

import dev.lathe.compute.engine.Likelihood;
import dev.lathe.compute.engine.TokenEvent;
import dev.lathe.compute.engine.TokenStream;
import dev.lathe.compute.text.StreamDecoder;
import dev.lathe.platform.gateway.Reply.Ending;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// A reply as it is generated, in pieces of whole characters. One reader, which any thread may
/// close; closing before the end cancels the generation.
public final class ReplyStream implements AutoCloseable {
  private static final double NANOS = 1e9;

  private final TokenStream tokens;
  private final StreamDecoder decoder;
  private final StopScanner scanner;
  private final int minTokens;
  private final int promptTokens;
  private final TokenListener listener;
  private final StringBuilder text = new StringBuilder();
  private final Deque<Piece.Scored> scored = new ArrayDeque<>();
  private final List<Likelihood> prompt = new ArrayList<>();
  private final List<Likelihood> told = new ArrayList<>();
  private final long began;
  private long firstAt;
  private long lastAt;
  private long endedAt;
  private int decoded;
  private int outputTokens;
  private Optional<Ending> ending = Optional.empty();

  /// @param began when the reply was asked for, by [System#nanoTime]
  /// @param until of which the stop texts and the least tokens are heeded here
  ReplyStream(
      long began,
      TokenStream tokens,
      StreamDecoder decoder,
      Until until,
      int promptTokens,
      TokenListener listener) {
    this.began = began;
    this.listener = listener;
    this.lastAt = began;
    this.tokens = tokens;
    this.decoder = decoder;
    this.scanner = new StopScanner(until.stops());
    this.minTokens = until.minTokens();
    this.promptTokens = promptTokens;
  }

  /// The next piece, waiting for it; nothing after the end.
  ///
  /// @throws dev.lathe.compute.LatheException when the generation fails
  public Optional<Piece> next() throws InterruptedException {
    while (ending.isEmpty()) {
      Piece piece = take(tokens.next());
      if (piece != null) {
        return Optional.of(piece);
      }
    }
    return Optional.empty();
  }

  /// The next piece if it is there already.
  ///
  /// @throws dev.lathe.compute.LatheException when the generation fails
  public Optional<Piece> poll() {
    while (ending.isEmpty()) {
      TokenEvent event = tokens.poll();
      if (event == null) {
        return Optional.empty();
      }
      Piece piece = take(event);
      if (piece != null) {
        return Optional.of(piece);
      }
    }
    return Optional.empty();
  }

  /// @return nothing where the event completes no piece
  private @Nullable Piece take(TokenEvent event) {
    return switch (event) {
      case TokenEvent.PromptToken token -> {
        prompt.add(token.likelihood());
        yield null;
      }
      case TokenEvent.Token token -> piece(token(token), false);
      case TokenEvent.Finished finished -> piece(finish(finished.reason()), true);
      case TokenEvent.Failed failed -> throw failed.error();
    };
  }

  private String token(TokenEvent.Token token) {
    outputTokens++;
    if (outputTokens == 1) {
      firstAt = token.nanos();
    }
    listener.came(outputTokens, token.nanos() - lastAt);
    lastAt = token.nanos();
    if (token.likelihood() != null) {
      scored.add(new Piece.Scored(token.likelihood(), decoded));
    }
    String fresh = decoder.push(token.id());
    decoded += fresh.length();
    if (outputTokens <= minTokens) {
      return fresh;
    }
    String certain = scanner.push(fresh);
    if (scanner.isHit()) {
      end(Ending.STOP);
    }
    return certain;
  }

  private String finish(TokenEvent.Reason reason) {
    String rest = scanner.push(decoder.finish());
    rest += scanner.finish();
    end(
        switch (reason) {
          case STOP -> Ending.STOP;
          case LENGTH -> scanner.isHit() ? Ending.STOP : Ending.LENGTH;
          case CANCELLED -> Ending.CANCELLED;
          case DEADLINE -> Ending.DEADLINE;
        });
    return rest;
  }

  private @Nullable Piece piece(String certain, boolean last) {
    text.append(certain);
    List<Piece.Scored> begun = new ArrayList<>();
    while (!scored.isEmpty() && (last || scored.getFirst().offset() < text.length())) {
      begun.add(scored.removeFirst());
      told.add(begun.getLast().likelihood());
    }
    return certain.isEmpty() && begun.isEmpty() ? null : new Piece(certain, begun);
  }

  private void end(Ending how) {
    ending = Optional.of(how);
    endedAt = System.nanoTime();
    tokens.close();
  }

  /// Reads to the end.
  public Reply readAll() throws InterruptedException {
    while (next().isPresent()) {
      // the text is gathered by next()
    }
    return reply();
  }

  /// Tokens of the prompt.
  public int promptTokens() {
    return promptTokens;
  }

  /// Of them, tokens that were in the prefix cache; known with the first piece.
  public int cachedTokens() {
    return tokens.cachedTokens();
  }

  /// Tokens generated so far, those of a stop text included.
  public int outputTokens() {
    return outputTokens;
  }

  /// How likely the tokens of the prompt were, as far as asked for; complete with the first piece.
  public List<Likelihood> promptLikelihoods() {
    return List.copyOf(prompt);
  }

  /// What came, up to the end or, when it was not reached, as cancelled.
  public Reply reply() {
    if (ending.isEmpty()) {
      end(Ending.CANCELLED);
    }
    long first = outputTokens == 0 ? endedAt : firstAt;
    return new Reply(
        text.toString(),
        ending.orElse(Ending.CANCELLED),
        promptTokens,
        cachedTokens(),
        outputTokens,
        (first - began) / NANOS,
        (endedAt - began) / NANOS,
        prompt,
        told);
  }

  /// The reader gets no more than what is there, and the end.
  @Override
  public void close() {
    tokens.close();
  }
}
