package dev.lathe.app.http;

import java.io.IOException;
import java.nio.ByteBuffer;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Blocker;

/// Writes that wait until the client's side has taken the bytes.
final class Sending {
  private Sending() {}

  /// @param last whether the answer ends with these bytes
  /// @throws IOException when the client is gone or takes nothing for too long
  static void all(Response response, boolean last, ByteBuffer bytes) throws IOException {
    try (Blocker.Callback callback = Blocker.callback()) {
      response.write(last, bytes, callback);
      callback.block();
    }
  }
}
