package dev.lathe.app.http;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/// What a server tells about its requests.
public interface ServerLog {
  /// A request was answered, or its client went away.
  ///
  /// @param path of the route, with `{name}` where it varies; empty when there is no such route
  /// @param caller name of the key
  /// @param status 499 when the client went away first
  record Answered(
      String id, String method, String path, String caller, int status, Duration took) {}

  void answered(Answered answered);

  /// A client went away while something was done for it, which now has been given up.
  ///
  /// @param id of its request
  void departed(String id);

  /// Something in Lathe is wrong.
  ///
  /// @param id of the request that met it
  void defect(String id, @Nullable Throwable cause);
}
