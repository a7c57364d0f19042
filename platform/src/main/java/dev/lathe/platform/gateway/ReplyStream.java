package dev.lathe.platform.gateway;

import dev.lathe.compute.engine.TokenEvent;
import dev.lathe.compute.engine.TokenStream;
import dev.lathe.compute.text.StreamDecoder;
import dev.lathe.platform.gateway.Reply.Ending;
import java.util.List;
import java.util.Optional;

/// A reply as it is generated, in pieces of whole characters. One reader; closing before the end
/// cancels the generation.
public final class ReplyStream implements AutoCloseable {
  private static final double NANOS = 1e9;

  private final TokenStream tokens;
  private final StreamDecoder decoder;
  private final StopScanner scanner;
  private final int promptTokens;
  private final StringBuilder text = new StringBuilder();
  private final long began = System.nanoTime();
  private long firstAt;
  private long endedAt;
  private int outputTokens;
  private Optional<Ending> ending = Optional.empty();

  ReplyStream(TokenStream tokens, StreamDecoder decoder, List<String> stops, int promptTokens) {
    this.tokens = tokens;
    this.decoder = decoder;
    this.scanner = new StopScanner(stops);
    this.promptTokens = promptTokens;
  }

  /// The next piece of text, never empty, waiting for it; nothing after the end.
  ///
  /// @throws dev.lathe.compute.LatheException when the generation fails
  public Optional<String> next() throws InterruptedException {
    while (ending.isEmpty()) {
      String piece =
          switch (tokens.next()) {
            case TokenEvent.PromptToken _ -> "";
            case TokenEvent.Token token -> token(token.id());
            case TokenEvent.Finished finished -> finish(finished.reason());
            case TokenEvent.Failed failed -> throw failed.error();
          };
      if (!piece.isEmpty()) {
        text.append(piece);
        return Optional.of(piece);
      }
    }
    return Optional.empty();
  }

  private String token(int id) {
    outputTokens++;
    if (outputTokens == 1) {
      firstAt = System.nanoTime();
    }
    String piece = scanner.push(decoder.push(id));
    if (scanner.isHit()) {
      end(Ending.STOP);
    }
    return piece;
  }

  private String finish(TokenEvent.Reason reason) {
    String piece = scanner.push(decoder.finish());
    piece += scanner.finish();
    end(
        switch (reason) {
          case STOP -> Ending.STOP;
          case LENGTH -> scanner.isHit() ? Ending.STOP : Ending.LENGTH;
          case CANCELLED -> Ending.CANCELLED;
          case DEADLINE -> Ending.DEADLINE;
        });
    return piece;
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

  /// What came, up to the end or, when it was not reached, as cancelled.
  public Reply reply() {
    close();
    long first = outputTokens == 0 ? endedAt : firstAt;
    return new Reply(
        text.toString(),
        ending.orElse(Ending.CANCELLED),
        promptTokens,
        outputTokens,
        (first - began) / NANOS,
        (endedAt - began) / NANOS);
  }

  @Override
  public void close() {
    if (ending.isEmpty()) {
      end(Ending.CANCELLED);
    }
  }
}
