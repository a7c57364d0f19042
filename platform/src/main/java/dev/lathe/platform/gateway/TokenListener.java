package dev.lathe.platform.gateway;

/// Is told of each token of replies, on their reader's thread, as soon as that reads it.
@FunctionalInterface
public interface TokenListener {
  /// For readers whose pace nobody watches.
  TokenListener NONE = (_, _) -> {};

  /// @param number of the token in its reply, from 1
  /// @param nanos since the token before it; for the first, since the reply was asked for. Measured
  ///   where the engine gives the tokens, so that a slow reader does not make them slower
  void came(int number, long nanos);
}
