package dev.lathe.compute;

import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// A refusal or a failure that a user reads: what was wanted and found, and what to do about it.
///
/// Programming mistakes stay [IllegalArgumentException] and [IllegalStateException]; everything
/// that input, files, memory, disks or networks can cause is one of these.
public final class LatheException extends RuntimeException {
  /// Whose turn it is to act; the process exit code and the HTTP status follow from it.
  public enum Kind {
    /// The caller's input cannot be used as it is.
    USER,
    /// The named thing is not there.
    NOT_FOUND,
    /// Memory, disk, time or slots do not suffice.
    CAPACITY,
    /// Too much is under way; the same is accepted later, see [LatheException#retryAfter].
    OVERLOADED,
    /// The outside world failed: network, file system, a damaged file.
    ENVIRONMENT,
    /// A defect of Lathe's own.
    INTERNAL
  }

  private final Kind kind;
  private final String remedy;
  private final Optional<Duration> retryAfter;

  public LatheException(Kind kind, String what, String remedy) {
    this(kind, what, remedy, null);
  }

  /// @param what one sentence without a full stop: what was wanted and what was found
  /// @param remedy what to do, one sentence without a full stop; empty when there is nothing to say
  public LatheException(Kind kind, String what, String remedy, @Nullable Throwable cause) {
    this(kind, what, remedy, cause, Optional.empty());
  }

  private LatheException(
      Kind kind,
      String what,
      String remedy,
      @Nullable Throwable cause,
      Optional<Duration> retryAfter) {
    super(remedy.isEmpty() ? what : what + ": " + remedy, cause);
    this.kind = kind;
    this.remedy = remedy;
    this.retryAfter = retryAfter;
  }

  /// A refusal of the caller's input.
  public static LatheException user(String what, String remedy) {
    return new LatheException(Kind.USER, what, remedy);
  }

  /// A named thing that is not there.
  public static LatheException notFound(String what, String remedy) {
    return new LatheException(Kind.NOT_FOUND, what, remedy);
  }

  /// Something that does not fit.
  public static LatheException capacity(String what, String remedy) {
    return new LatheException(Kind.CAPACITY, what, remedy);
  }

  /// Something that may be tried again after a while.
  public static LatheException overloaded(String what, Duration retryAfter) {
    String remedy = "try again in " + retryAfter.toSeconds() + " s";
    return new LatheException(Kind.OVERLOADED, what, remedy, null, Optional.of(retryAfter));
  }

  /// A failure of the outside world.
  public static LatheException environment(String what, String remedy, @Nullable Throwable cause) {
    return new LatheException(Kind.ENVIRONMENT, what, remedy, cause);
  }

  public Kind kind() {
    return kind;
  }

  public String remedy() {
    return remedy;
  }

  /// When to try again, whole seconds; given exactly for [Kind#OVERLOADED].
  public Optional<Duration> retryAfter() {
    return retryAfter;
  }
}
