package dev.lathe.app.terminal;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.function.Supplier;

/// Where output goes. Results go to [#out()], everything said about the work (progress, notes,
/// errors) to [#err()]. Both write UTF-8.
public final class Screen {
  private static final int USUAL_COLUMNS = 80;

  /// How a piece of text stands out on a terminal with colours.
  public enum Style {
    BOLD("1"),
    DIM("2"),
    RED("31"),
    GREEN("32"),
    YELLOW("33"),
    CYAN("36");

    private final String code;

    Style(String code) {
      this.code = code;
    }
  }

  private final PrintStream out;
  private final PrintStream err;
  private final Supplier<String> outFailure;
  private final boolean outIsTerminal;
  private final boolean errIsTerminal;
  private final boolean inIsTerminal;
  private final boolean colours;
  private final int columns;

  /// A screen over any streams.
  ///
  /// @param terminals which of stdin, stdout and stderr are terminals: a subset of `ioe`
  /// @param columns width in columns; 0 when unknown
  public Screen(PrintStream out, PrintStream err, String terminals, boolean colours, int columns) {
    this(out, err, () -> "", terminals, colours, columns);
  }

  private Screen(
      PrintStream out,
      PrintStream err,
      Supplier<String> outFailure,
      String terminals,
      boolean colours,
      int columns) {
    this.out = out;
    this.err = err;
    this.outFailure = outFailure;
    this.inIsTerminal = terminals.indexOf('i') >= 0;
    this.outIsTerminal = terminals.indexOf('o') >= 0;
    this.errIsTerminal = terminals.indexOf('e') >= 0;
    this.colours = colours;
    this.columns = columns > 0 ? columns : USUAL_COLUMNS;
  }

  /// The screen of this process. The launcher says in `lathe.terminals` and `lathe.columns` what it
  /// found; without it, nothing is a terminal.
  public static Screen ofProcess(boolean colours) {
    Output out = new Output();
    return new Screen(
        stream(out),
        stream(new FileOutputStream(FileDescriptor.err)),
        () -> out.failure,
        System.getProperty("lathe.terminals", ""),
        colours,
        Integer.getInteger("lathe.columns", 0));
  }

  private static PrintStream stream(OutputStream stream) {
    return new PrintStream(stream, true, StandardCharsets.UTF_8);
  }

  /// Standard output that remembers why it failed, which [PrintStream] keeps to itself.
  private static final class Output extends FileOutputStream {
    private volatile String failure = "";

    Output() {
      super(FileDescriptor.out);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
      try {
        super.write(bytes, offset, length);
      } catch (IOException e) {
        failure = String.valueOf(e.getMessage());
        throw e;
      }
    }
  }

  /// Why standard output took no more, in the system's words; empty where nothing is known.
  public String outFailure() {
    return outFailure.get();
  }

  /// Whether the reader of standard output has ended, as `head` does: no failure worth a word.
  public boolean outReaderIsGone() {
    return outFailure().equals("Broken pipe");
  }

  /// Results.
  public PrintStream out() {
    return out;
  }

  /// Progress, notes and errors.
  public PrintStream err() {
    return err;
  }

  /// Whether standard input is a terminal: a person types.
  public boolean inIsTerminal() {
    return inIsTerminal;
  }

  /// Whether [#out()] is a terminal.
  public boolean outIsTerminal() {
    return outIsTerminal;
  }

  /// Whether [#err()] is a terminal.
  public boolean errIsTerminal() {
    return errIsTerminal;
  }

  /// Whether text on [#out()] may carry colours.
  public boolean outHasColours() {
    return outIsTerminal && colours;
  }

  /// Whether text on [#err()] may carry colours.
  public boolean errHasColours() {
    return errIsTerminal && colours;
  }

  /// Width in columns, 80 when unknown.
  public int columns() {
    return columns;
  }

  /// `text` in `style` where stdout has colours.
  public String outStyled(Style style, String text) {
    return outHasColours() ? styled(style, text) : text;
  }

  /// `text` in `style` where stderr has colours.
  public String errStyled(Style style, String text) {
    return errHasColours() ? styled(style, text) : text;
  }

  private static String styled(Style style, String text) {
    return text.isEmpty() ? text : "\u001b[" + style.code + "m" + text + "\u001b[0m";
  }

  /// Text of a model or a file without what could steer a terminal: control characters other than
  /// line breaks and tabs, and marks that turn the direction of writing.
  public static String harmless(String text) {
    return text.codePoints()
        .filter(point ->
            point == '\n'
                || point == '\t'
                || !(Character.isISOControl(point)
                    || (point >= 0x202A && point <= 0x202E)
                    || (point >= 0x2066 && point <= 0x2069)))
        .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
        .toString();
  }

  /// One line about the work, on stderr.
  public void note(String line) {
    err.println(line);
  }

  /// A bar for work of `total` units, on stderr.
  public Progress progress(String task, long total, Progress.Unit unit) {
    return new Progress(this, task, total, unit, System::nanoTime);
  }
}
