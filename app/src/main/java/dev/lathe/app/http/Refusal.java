package dev.lathe.app.http;

import dev.lathe.compute.LatheException;
import java.io.Serial;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/// A request that is answered with an error.
public final class Refusal extends RuntimeException {
  @Serial private static final long serialVersionUID = 1;

  /// OpenAI's form: `{"error": {"message", "type", "param", "code"}}`.
  public static final Shape<Refusal> SHAPE =
      Shape.<Refusal>named("Error")
          .object(
              "error",
              "what went wrong",
              refusal -> refusal,
              Shape.<Refusal>named("ErrorBody")
                  .text("message", "what was wanted, found, and what to do", Refusal::message)
                  .text("type", "kind of error", refusal -> refusal.fault.type())
                  .text("param", "the parameter it is about, or null", Refusal::parameter)
                  .orNull()
                  .text("code", "which error", refusal -> refusal.fault.code())
                  .build())
          .build();

  /// When to ask again where nothing better is known.
  private static final Duration SOON = Duration.ofSeconds(1);

  private final Fault fault;
  private final @Nullable String parameter;
  private final Duration retryAfter;

  /// @param parameter path of the parameter it is about, as `messages[0].content`; null when it is
  ///   about none
  public Refusal(Fault fault, String message, @Nullable String parameter) {
    this(fault, message, parameter, SOON);
  }

  private Refusal(Fault fault, String message, @Nullable String parameter, Duration retryAfter) {
    super(message);
    this.fault = fault;
    this.parameter = parameter;
    this.retryAfter = retryAfter;
  }

  public Refusal(Fault fault, String message) {
    this(fault, message, null);
  }

  /// The refusal that an exception of the layers below amounts to.
  public static Refusal of(LatheException error) {
    return of(error, null);
  }

  /// As [#of(LatheException)], about a parameter, or none.
  public static Refusal of(LatheException error, @Nullable String parameter) {
    Refusal refusal =
        new Refusal(
            Fault.of(error.kind()),
            String.valueOf(error.getMessage()),
            parameter,
            error.retryAfter().orElse(SOON));
    refusal.initCause(error);
    return refusal;
  }

  public Fault fault() {
    return fault;
  }

  /// When to ask again, if that may help.
  Duration retryAfter() {
    return retryAfter;
  }

  public @Nullable String parameter() {
    return parameter;
  }

  public String message() {
    return String.valueOf(getMessage());
  }

  /// Nobody reads where in Lathe a client's mistake was found.
  @Override
  @SuppressWarnings("UnsynchronizedOverridesSynchronized") // there is no state to guard
  public Throwable fillInStackTrace() {
    return this;
  }
}
