package dev.lathe.app.cli;

import dev.lathe.compute.LatheException;

/// What the process answers to the shell.
public enum ExitCode {
  OK(0, "done"),
  INTERNAL(1, "a defect of Lathe itself"),
  USAGE(2, "a flag, a file or a row that cannot be used as it is"),
  NOT_FOUND(3, "the named model, adapter or file is not there"),
  CAPACITY(4, "memory, disk or context do not suffice"),
  ENVIRONMENT(5, "the network, the disk, the JDK or Maven failed"),
  OVERLOADED(6, "too much is under way; the same works later"),
  MISSED(7, "a measured figure is beyond its limit"),
  INTERRUPTED(130, "stopped by Ctrl-C");

  private final int code;
  private final String meaning;

  ExitCode(int code, String meaning) {
    this.code = code;
    this.meaning = meaning;
  }

  /// The number the shell sees.
  public int code() {
    return code;
  }

  /// What it says, for help and docs.
  public String meaning() {
    return meaning;
  }

  static ExitCode of(LatheException.Kind kind) {
    return switch (kind) {
      case USER -> USAGE;
      case NOT_FOUND -> NOT_FOUND;
      case CAPACITY -> CAPACITY;
      case OVERLOADED -> OVERLOADED;
      case ENVIRONMENT -> ENVIRONMENT;
      case INTERNAL -> INTERNAL;
    };
  }
}
