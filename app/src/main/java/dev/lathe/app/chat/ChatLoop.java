package dev.lathe.app.chat;

import dev.lathe.app.terminal.Screen;
import dev.lathe.app.terminal.Screen.Style;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.engine.EngineStatus;
import dev.lathe.compute.text.Conversation;
import dev.lathe.compute.text.Message;
import dev.lathe.platform.gateway.Ask;
import dev.lathe.platform.gateway.Generator;
import dev.lathe.platform.gateway.Prompt;
import dev.lathe.platform.gateway.Reply;
import dev.lathe.platform.gateway.Reply.Ending;
import dev.lathe.platform.gateway.ReplyStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;

/// Question and answer in turns, until the lines end or the person leaves. For one thread; another
/// may call [#stopAnswer()].
public final class ChatLoop {
  /// What a line that begins with a slash does.
  private enum Command {
    RESET("/reset", "forget the conversation, keep the system message"),
    SYSTEM("/system", "TEXT: set the system message and start anew; alone: show it"),
    SAVE("/save", "FILE: write the conversation down (.jsonl: as a training row, else Markdown)"),
    HELP("/help", "show this"),
    EXIT("/exit", "leave (also: Ctrl-D)");

    private final String word;
    private final String meaning;

    Command(String word, String meaning) {
      this.word = word;
      this.meaning = meaning;
    }
  }

  private final Screen screen;
  private final LineSource lines;
  private final Generator generator;
  private final Function<Prompt, Ask> asks;
  private final boolean person;
  private final List<Message> messages = new ArrayList<>();
  private Optional<String> system;
  private volatile Optional<Thread> answering = Optional.empty();

  /// @param asks adds adapter and sampling to a prompt
  /// @param system the system message, if there is one
  public ChatLoop(
      Screen screen,
      LineSource lines,
      Generator generator,
      Function<Prompt, Ask> asks,
      Optional<String> system) {
    this.screen = screen;
    this.lines = lines;
    this.generator = generator;
    this.asks = asks;
    this.system = system;
    this.person = screen.inIsTerminal() && screen.outIsTerminal();
    reset();
  }

  /// The words that begin with a slash.
  public static List<String> commands() {
    return List.of(Command.values()).stream().map(command -> command.word).toList();
  }

  /// Runs until the lines end.
  ///
  /// @throws LatheException when an answer fails and no person is there to do something about it
  public void run() {
    while (true) {
      switch (lines.read()) {
        case LineSource.Entry.End() -> {
          return;
        }
        case LineSource.Entry.Interrupted() -> hint("Ctrl-D or /exit to leave");
        case LineSource.Entry.Line(String line) -> {
          if (!take(line)) {
            return;
          }
        }
      }
    }
  }

  /// Ends the answer that is being given, if one is.
  public void stopAnswer() {
    answering.ifPresent(Thread::interrupt);
  }

  /// Whether to go on.
  private boolean take(String line) {
    if (line.isBlank()) {
      return true;
    }
    try {
      if (line.startsWith("/")) {
        return obey(line.strip());
      }
      answer(line);
      return true;
    } catch (LatheException failure) {
      if (!person) {
        throw failure;
      }
      screen.out().println(screen.outStyled(Style.RED, String.valueOf(failure.getMessage())));
      return true;
    }
  }

  private boolean obey(String line) {
    int space = line.indexOf(' ');
    String word = space < 0 ? line : line.substring(0, space);
    String rest = space < 0 ? "" : line.substring(space + 1).strip();
    Command command =
        List.of(Command.values()).stream()
            .filter(each -> each.word.equals(word.toLowerCase(Locale.ROOT)))
            .findFirst()
            .orElseThrow(() ->
                LatheException.user(
                    "there is no command '" + word + "'", "/help lists the commands"));
    switch (command) {
      case RESET -> {
        reset();
        hint("the conversation starts anew");
      }
      case SYSTEM -> system(rest);
      case SAVE -> save(rest);
      case HELP -> help();
      case EXIT -> {}
    }
    return command != Command.EXIT;
  }

  private void reset() {
    messages.clear();
    system.ifPresent(text -> messages.add(Message.system(text)));
  }

  private void system(String text) {
    if (text.isEmpty()) {
      hint(system.map(set -> "system: " + set).orElse("no system message is set"));
      return;
    }
    system = Optional.of(text);
    reset();
    hint("system message set; the conversation starts anew");
  }

  private void save(String file) {
    if (file.isEmpty()) {
      throw LatheException.user("/save needs the name of a file", "for example /save talk.md");
    }
    if (messages.stream().allMatch(message -> message.role() == Message.Role.SYSTEM)) {
      throw LatheException.user("nothing was said yet", "ask something first");
    }
    Transcript.save(messages, Path.of(file));
    hint("saved to " + file);
  }

  private void help() {
    for (Command command : Command.values()) {
      screen.out().printf("  %-8s %s%n", command.word, command.meaning);
    }
    screen.out().println("  Ctrl-C   stop the answer; \\ at the end of a line continues it");
  }

  private void answer(String question) {
    messages.add(Message.user(question));
    try {
      Guesses before = guesses();
      Reply reply = stream();
      if (reply.outputTokens() == 0 && reply.ending() == Ending.CANCELLED) {
        messages.removeLast();
        hint("stopped before the first word; the question is forgotten");
        return;
      }
      messages.add(Message.assistant(reply.text()));
      screen.out().println();
      if (person) {
        screen.out().println(screen.outStyled(Style.DIM, summary(reply) + guesses().since(before)));
      }
    } catch (LatheException failure) {
      messages.removeLast();
      throw failure;
    }
  }

  private Reply stream() {
    Conversation conversation = new Conversation(messages);
    try (ReplyStream reply = generator.ask(asks.apply(new Prompt.Chat(conversation)))) {
      answering = Optional.of(Thread.currentThread());
      try {
        for (var piece = reply.next(); piece.isPresent(); piece = reply.next()) {
          screen.out().print(person ? Screen.harmless(piece.get().text()) : piece.get().text());
          screen.out().flush();
        }
      } catch (InterruptedException stopped) {
        // Ctrl-C: what came so far is the answer
      } finally {
        answering = Optional.empty();
        Thread.interrupted();
      }
      return reply.reply();
    }
  }

  /// Tokens guessed ahead and those of them that came true.
  private record Guesses(long all, long right) {
    String since(Guesses before) {
      long more = all - before.all;
      return more <= 0
          ? ""
          : String.format(Locale.ROOT, " · %d of %d guesses right", right - before.right, more);
    }
  }

  private Guesses guesses() {
    try {
      EngineStatus status = generator.status();
      return new Guesses(status.draftedTokens(), status.acceptedTokens());
    } catch (InterruptedException stopped) {
      return new Guesses(0, 0); // Ctrl-C between two answers
    }
  }

  private static String summary(Reply reply) {
    String ending =
        switch (reply.ending()) {
          case STOP -> "";
          case LENGTH -> " · cut at the limit (--max-tokens)";
          case CANCELLED -> " · stopped";
          case DEADLINE -> " · out of time";
        };
    return String.format(
        Locale.ROOT,
        "%d tokens · %.0f tokens/s · first after %.2f s%s",
        reply.outputTokens(),
        reply.tokensPerSecond(),
        reply.firstSeconds(),
        ending);
  }

  private void hint(String text) {
    (person ? screen.out() : screen.err()).println(screen.outStyled(Style.DIM, text));
  }
}
