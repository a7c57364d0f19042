package dev.lathe.app.chat;

import dev.lathe.compute.LatheException;
import java.io.IOException;
import java.util.List;
import org.jline.reader.Candidate;
import org.jline.reader.EndOfFileException;
import org.jline.reader.LineReader;
import org.jline.reader.LineReaderBuilder;
import org.jline.reader.ParsedLine;
import org.jline.reader.UserInterruptException;
import org.jline.reader.impl.DefaultParser;
import org.jline.terminal.Terminal;
import org.jline.terminal.TerminalBuilder;

/// Lines edited in a terminal: arrows, history of this session, completion of commands. A backslash
/// at the end continues on the next line. Whoever opens it closes it.
public final class EditedLines implements LineSource, AutoCloseable {
  private final Terminal terminal;
  private final LineReader reader;
  private final String prompt;

  private EditedLines(Terminal terminal, LineReader reader, String prompt) {
    this.terminal = terminal;
    this.reader = reader;
    this.prompt = prompt;
  }

  /// The terminal of this process.
  ///
  /// @param commands completed at the start of a line
  public static EditedLines open(String prompt, List<String> commands) {
    try {
      Terminal terminal = TerminalBuilder.builder().system(true).build();
      DefaultParser parser = new DefaultParser();
      parser.setEscapeChars(new char[0]);
      parser.setQuoteChars(new char[0]);
      LineReader reader =
          LineReaderBuilder.builder()
              .terminal(terminal)
              .appName("lathe")
              .parser(parser)
              .completer((_, line, found) -> complete(commands, line, found))
              .option(LineReader.Option.DISABLE_EVENT_EXPANSION, true)
              .build();
      return new EditedLines(terminal, reader, prompt);
    } catch (IOException e) {
      throw LatheException.environment(
          "the terminal cannot be opened (" + e.getMessage() + ")",
          "give the lines by a pipe: lathe chat MODEL < lines.txt",
          e);
    }
  }

  private static void complete(List<String> commands, ParsedLine line, List<Candidate> found) {
    if (line.wordIndex() == 0 && line.word().startsWith("/")) {
      commands.forEach(command -> found.add(new Candidate(command)));
    }
  }

  /// Calls `action` at each Ctrl-C while no line is edited.
  public void onInterrupt(Runnable action) {
    terminal.handle(Terminal.Signal.INT, _ -> action.run());
  }

  @Override
  public Entry read() {
    StringBuilder text = new StringBuilder();
    try {
      String line = reader.readLine(prompt);
      while (line.endsWith("\\")) {
        text.append(line, 0, line.length() - 1).append('\n');
        line = reader.readLine("… ");
      }
      return new Entry.Line(text.append(line).toString());
    } catch (UserInterruptException e) {
      return new Entry.Interrupted();
    } catch (EndOfFileException e) {
      return new Entry.End();
    }
  }

  @Override
  public void close() {
    try {
      terminal.close();
    } catch (IOException e) {
      throw LatheException.environment(
          "the terminal cannot be restored (" + e.getMessage() + ")", "type 'reset'", e);
    }
  }
}
