package dev.lathe.app.cli;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/// Undoes the launcher's filter on standard error.
///
/// The JVM writes a warning about incubator modules to descriptor 2 before any Java code runs, and
/// no flag silences it. The launcher therefore starts the JVM with descriptor 2 on a filter that
/// drops this one line, and with the real standard error on descriptor 3, and says so by the
/// property `lathe.stderr`. From here on descriptor 2 is the real one again; the filter sees its
/// end and goes.
final class StandardError {
  private StandardError() {}

  static void restore() {
    if (!"3".equals(System.getProperty("lathe.stderr"))) {
      return;
    }
    Linker linker = Linker.nativeLinker();
    FunctionDescriptor two =
        FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT);
    FunctionDescriptor one = FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT);
    try {
      int copied = (int) function(linker, "dup2", two).invokeExact(3, 2);
      int closed = (int) function(linker, "close", one).invokeExact(3);
      if (copied != 2 || closed != 0) {
        throw new IllegalStateException("descriptor 3 is not the standard error");
      }
    } catch (Throwable failure) {
      throw new IllegalStateException(
          "the standard error could not be restored: " + failure.getMessage(), failure);
    }
  }

  private static MethodHandle function(Linker linker, String name, FunctionDescriptor type) {
    return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), type);
  }
}
