package dev.lathe.compute.engine;

import dev.lathe.compute.LatheException;
import java.time.Duration;
import java.util.Optional;

/// On what terms a request is served.
///
/// @param user whom its tokens are charged to: users whose requests wait are served alike, however
///   many requests each of them has
/// @param scope isolation of the prefix cache: keys and values are shared among requests of equal
///   scope only. Opaque; whoever has equal rights to the same texts gives an equal one
/// @param priority more is served sooner, `[-10, 10]`. A request that waits rises by one every five
///   seconds, so that none waits for ever
/// @param maxWait most time until its first token of the prompt is computed
/// @param maxTime most time until its end
public record Terms(
    String user,
    String scope,
    int priority,
    Optional<Duration> maxWait,
    Optional<Duration> maxTime) {
  /// One user, one scope, no hurry.
  public static final Terms PLAIN = new Terms("", "", 0, Optional.empty(), Optional.empty());

  public Terms {
    if (priority < -10 || priority > 10) {
      throw LatheException.user(
          "priority " + priority + " is outside [-10, 10]", "choose a value in that range");
    }
    require(maxWait, "max_wait");
    require(maxTime, "max_time");
  }

  private static void require(Optional<Duration> time, String name) {
    if (time.filter(given -> given.isNegative() || given.isZero()).isPresent()) {
      throw LatheException.user(
          name + " " + time.get() + " is not positive", "give a time or leave it out");
    }
  }

  public Terms withUser(String other) {
    return new Terms(other, scope, priority, maxWait, maxTime);
  }

  public Terms withScope(String other) {
    return new Terms(user, other, priority, maxWait, maxTime);
  }

  public Terms withPriority(int other) {
    return new Terms(user, scope, other, maxWait, maxTime);
  }

  public Terms withMaxWait(Duration time) {
    return new Terms(user, scope, priority, Optional.of(time), maxTime);
  }

  public Terms withMaxTime(Duration time) {
    return new Terms(user, scope, priority, maxWait, Optional.of(time));
  }
}
