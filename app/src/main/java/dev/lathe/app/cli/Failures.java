package dev.lathe.app.cli;

import dev.lathe.app.terminal.Screen;
import dev.lathe.app.terminal.Screen.Style;
import dev.lathe.compute.LatheException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;

/// How a failure reads: what happened, what to do, no stack trace unless asked for.
final class Failures {
  private Failures() {}

  /// Prints the failure and names the exit code that goes with it.
  static int report(Screen screen, Throwable failure, boolean debug) {
    LatheException known = known(failure);
    if (screen.outReaderIsGone()) {
      return ExitCode.of(LatheException.Kind.ENVIRONMENT).code();
    }
    String what = String.valueOf(known.getMessage());
    if (!known.remedy().isEmpty()) {
      what = what.substring(0, what.length() - known.remedy().length() - 2);
    }
    screen.err().println(screen.errStyled(Style.RED, "lathe:") + " " + what);
    if (!known.remedy().isEmpty()) {
      screen.err().println("  " + known.remedy());
    }
    if (debug) {
      failure.printStackTrace(screen.err());
    }
    screen.err().flush();
    return ExitCode.of(known.kind()).code();
  }

  /// Standard output ended before its text did.
  static LatheException lostOutput(Screen screen) {
    String why = screen.outFailure();
    return LatheException.environment(
        "standard output takes no more" + (why.isEmpty() ? "" : " (" + why + ")"),
        "make room where it goes, and run the same again",
        null);
  }

  private static LatheException known(Throwable failure) {
    return switch (failure) {
      case LatheException lathe -> lathe;
      case NoSuchFileException missing ->
          LatheException.notFound("there is no file '" + missing.getFile() + "'", "check the path");
      case AccessDeniedException denied ->
          LatheException.environment(
              "'" + denied.getFile() + "' may not be read or written",
              "check its permissions",
              denied);
      case UncheckedIOException wrapped when wrapped.getCause() != null ->
          known(wrapped.getCause());
      case java.io.IOException other ->
          LatheException.environment(
              "reading or writing failed: " + other.getMessage(), "check disk and paths", other);
      case OutOfMemoryError memory ->
          LatheException.capacity(
              "the memory of the process did not suffice (" + memory.getMessage() + ")",
              "raise it with LATHE_JAVA_OPTS=-Xmx4g, or choose smaller settings");
      default ->
          new LatheException(
              LatheException.Kind.INTERNAL,
              "a defect of Lathe: " + failure,
              "run again with --debug and report the stack trace",
              failure);
    };
  }
}
