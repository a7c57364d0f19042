package dev.lathe.platform.gateway;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// A reply taken apart as it comes: what the model thinks, and what it says. One reader, which any
/// thread may close.
public final class AnswerStream implements AutoCloseable {
  /// Part of an answer, never empty.
  public sealed interface Part {
    /// What the model thinks before it answers.
    record Thought(String text) implements Part {}

    /// What it says.
    record Text(String text) implements Part {}
  }

  /// What comes at once.
  ///
  /// @param parts in order, perhaps none
  /// @param tokens as in [Piece#tokens]
  public record Step(List<Part> parts, List<Piece.Scored> tokens) {
    public Step {
      parts = List.copyOf(parts);
    }

    /// What is said.
    public String text() {
      StringBuilder text = new StringBuilder();
      for (Part part : parts) {
        if (part instanceof Part.Text(String more)) {
          text.append(more);
        }
      }
      return text.toString();
    }
  }

  /// How a reply is read.
  public enum Reading {
    /// As it stands.
    WHOLE,
    /// Thoughts and text apart.
    APART
  }

  private final ReplyStream reply;
  private final Optional<ThoughtSplitter> splitter;
  private boolean finished;
  private int thoughtTokens;
  private int seenTokens;

  /// @param thinks whether the model may think first
  /// @param inside whether the prompt has begun the thoughts already
  AnswerStream(ReplyStream reply, boolean thinks, boolean inside) {
    this.reply = reply;
    this.splitter = thinks || inside ? Optional.of(new ThoughtSplitter(inside)) : Optional.empty();
  }

  /// The next step, waiting for it; nothing after the end.
  ///
  /// @throws dev.lathe.compute.LatheException when the generation fails
  public Optional<Step> next() throws InterruptedException {
    Optional<Piece> piece = reply.next();
    return piece.isPresent() ? piece.map(this::step) : last();
  }

  /// The next step if it is there already; not the last one.
  ///
  /// @throws dev.lathe.compute.LatheException when the generation fails
  public Optional<Step> poll() {
    return reply.poll().map(this::step);
  }

  private Step step(Piece piece) {
    if (splitter.isEmpty()) {
      return new Step(
          piece.text().isEmpty() ? List.of() : List.of(new Part.Text(piece.text())),
          piece.tokens());
    }
    boolean thinking = splitter.get().isThinking();
    thoughtTokens += thinking ? reply.outputTokens() - seenTokens : 0;
    seenTokens = reply.outputTokens();
    return new Step(parts(splitter.get().push(piece.text())), piece.tokens());
  }

  private Optional<Step> last() {
    if (finished || splitter.isEmpty()) {
      return Optional.empty();
    }
    finished = true;
    List<Part> parts = parts(splitter.get().finish());
    return parts.isEmpty() ? Optional.empty() : Optional.of(new Step(parts, List.of()));
  }

  private static List<Part> parts(ThoughtSplitter.Split split) {
    List<Part> parts = new ArrayList<>(2);
    if (!split.thoughts().isEmpty()) {
      parts.add(new Part.Thought(split.thoughts()));
    }
    if (!split.answer().isEmpty()) {
      parts.add(new Part.Text(split.answer()));
    }
    return parts;
  }

  /// Tokens of the thoughts so far, with those of the mark that ends them.
  public int thoughtTokens() {
    return thoughtTokens;
  }

  /// The reply that is taken apart.
  public ReplyStream reply() {
    return reply;
  }

  @Override
  public void close() {
    reply.close();
  }
}
