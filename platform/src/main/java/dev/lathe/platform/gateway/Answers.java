package dev.lathe.platform.gateway;

import dev.lathe.compute.LatheException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.Nullable;

/// Several answers that are generated side by side, read as one row of events in the order in which
/// they come. One reader, which any thread may close; closing before the end cancels the
/// generations.
public final class Answers implements AutoCloseable {
  private final List<AnswerStream> streams;
  private final @Nullable LinkedBlockingQueue<Event> merged;
  private int ended;

  /// What happens to one of the answers.
  public sealed interface Event {
    /// Which answer, from 0.
    int index();

    /// Tokens of it so far.
    AnswerStream.Count count();

    /// Something was added to it.
    record Came(int index, AnswerStream.Step step, AnswerStream.Count count) implements Event {}

    /// It is complete, or cancelled.
    record Ended(int index, Reply reply, AnswerStream.Count count) implements Event {}

    /// It cannot be completed.
    record Failed(int index, LatheException error, AnswerStream.Count count) implements Event {}
  }

  private Answers(List<AnswerStream> streams) {
    this.streams = List.copyOf(streams);
    this.merged = streams.size() == 1 ? null : new LinkedBlockingQueue<>();
  }

  /// Starts them all.
  ///
  /// @param listener is told of the tokens of all of them, perhaps by several threads at once
  /// @throws LatheException when one is refused; then none goes on
  public static Answers begin(
      Generator generator, List<Ask> asks, AnswerStream.Reading reading, TokenListener listener) {
    List<AnswerStream> streams = new ArrayList<>();
    try {
      for (Ask ask : asks) {
        streams.add(generator.answer(ask, reading, listener));
      }
    } catch (RuntimeException e) {
      streams.forEach(AnswerStream::close);
      throw e;
    }
    Answers answers = new Answers(streams);
    answers.merge();
    return answers;
  }

  private void merge() {
    if (merged == null) {
      return;
    }
    for (int i = 0; i < streams.size(); i++) {
      int index = i;
      Thread.startVirtualThread(() -> forward(index, merged));
    }
  }

  private void forward(int index, LinkedBlockingQueue<Event> to) {
    boolean goesOn = true;
    while (goesOn) {
      Event event;
      try {
        event = next(index);
      } catch (InterruptedException e) {
        throw new IllegalStateException("nobody knows this thread", e);
      }
      to.add(event);
      goesOn = event instanceof Event.Came;
    }
  }

  private Event next(int index) throws InterruptedException {
    AnswerStream stream = streams.get(index);
    try {
      Optional<AnswerStream.Step> step = stream.next();
      if (step.isPresent()) {
        return new Event.Came(index, step.get(), stream.count());
      }
      return new Event.Ended(index, stream.reply().reply(), stream.count());
    } catch (LatheException error) {
      return new Event.Failed(index, error, stream.count());
    }
  }

  /// The next event, waiting for it; nothing after the last answer's end.
  public Optional<Event> next() throws InterruptedException {
    if (ended == streams.size()) {
      return Optional.empty();
    }
    return Optional.of(counted(merged == null ? next(0) : merged.take()));
  }

  /// The next event if it is there already.
  public Optional<Event> poll() {
    if (ended == streams.size()) {
      return Optional.empty();
    }
    if (merged != null) {
      return Optional.ofNullable(merged.poll()).map(this::counted);
    }
    AnswerStream stream = streams.getFirst();
    try {
      return stream.poll().map(step -> new Event.Came(0, step, stream.count()));
    } catch (LatheException error) {
      return Optional.of(counted(new Event.Failed(0, error, stream.count())));
    }
  }

  private Event counted(Event event) {
    ended += event instanceof Event.Came ? 0 : 1;
    return event;
  }

  /// How many answers there are.
  public int count() {
    return streams.size();
  }

  /// The replies behind the answers, for what they count.
  public List<ReplyStream> replies() {
    return streams.stream().map(AnswerStream::reply).toList();
  }

  @Override
  public void close() {
    streams.forEach(AnswerStream::close);
  }
}
