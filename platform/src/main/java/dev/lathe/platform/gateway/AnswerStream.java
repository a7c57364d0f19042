package dev.lathe.platform.gateway;

import dev.lathe.compute.tool.CallParser;
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

    /// It begins to call a tool.
    ///
    /// @param index counts the calls of the answer, from 0
    record CallBegan(int index, String name) implements Part {}

    /// More of the arguments of a call.
    record CallArguments(int index, String json) implements Part {}

    /// The arguments of a call are complete.
    record CallEnded(int index) implements Part {}
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

  /// Tokens so far.
  ///
  /// @param prompt tokens of the prompt
  /// @param cached of them, tokens that were in the prefix cache
  /// @param output tokens generated, those of a stop text included
  /// @param thoughts of them, tokens of thoughts, with those of the mark that ends them
  public record Count(int prompt, int cached, int output, int thoughts) {}

  /// How a reply is read.
  public enum Reading {
    /// As it stands.
    WHOLE,
    /// Thoughts and text apart.
    APART,
    /// Thoughts, text and calls of tools apart.
    CALLS
  }

  private final ReplyStream reply;
  private final Optional<ThoughtSplitter> splitter;
  private final Optional<CallParser> parser;
  private boolean finished;
  private int thoughtTokens;
  private int seenTokens;

  /// @param thinks whether the model may think first
  /// @param inside whether the prompt has begun the thoughts already
  /// @param parser reads calls, where there may be any
  AnswerStream(ReplyStream reply, boolean thinks, boolean inside, Optional<CallParser> parser) {
    this.reply = reply;
    this.splitter = thinks || inside ? Optional.of(new ThoughtSplitter(inside)) : Optional.empty();
    this.parser = parser;
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
    List<Part> parts = new ArrayList<>(2);
    if (splitter.isEmpty()) {
      say(piece.text(), parts);
      return new Step(parts, piece.tokens());
    }
    boolean thinking = splitter.get().isThinking();
    thoughtTokens += thinking ? reply.outputTokens() - seenTokens : 0;
    seenTokens = reply.outputTokens();
    add(splitter.get().push(piece.text()), parts);
    return new Step(parts, piece.tokens());
  }

  private Optional<Step> last() {
    if (finished) {
      return Optional.empty();
    }
    finished = true;
    List<Part> parts = new ArrayList<>();
    splitter.ifPresent(each -> add(each.finish(), parts));
    parser.ifPresent(each -> add(each.finish(), parts));
    return parts.isEmpty() ? Optional.empty() : Optional.of(new Step(parts, List.of()));
  }

  private void add(ThoughtSplitter.Split split, List<Part> parts) {
    if (!split.thoughts().isEmpty()) {
      parts.add(new Part.Thought(split.thoughts()));
    }
    say(split.answer(), parts);
  }

  private void say(String text, List<Part> parts) {
    if (parser.isPresent()) {
      add(parser.get().push(text), parts);
    } else if (!text.isEmpty()) {
      parts.add(new Part.Text(text));
    }
  }

  private static void add(List<CallParser.Event> events, List<Part> parts) {
    for (CallParser.Event event : events) {
      parts.add(
          switch (event) {
            case CallParser.Event.Text(String text) -> new Part.Text(text);
            case CallParser.Event.Began(int index, String name) -> new Part.CallBegan(index, name);
            case CallParser.Event.Arguments(int index, String json) ->
                new Part.CallArguments(index, json);
            case CallParser.Event.Ended(int index) -> new Part.CallEnded(index);
          });
    }
  }

  /// Tokens up to the end of the last step.
  public Count count() {
    return new Count(
        reply.promptTokens(), reply.cachedTokens(), reply.outputTokens(), thoughtTokens);
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
