package dev.lathe.platform.gateway;

/// Is told of each token of replies when it reaches their reader, on the reader's thread.
@FunctionalInterface
public interface TokenListener {
  /// For readers whose pace nobody watches.
  TokenListener NONE = (_, _) -> {};

  /// @param number of the token in its reply, from 1
  /// @param nanos since the token before it; for the first, since the reply was asked for
  void came(int number, long nanos);
}
