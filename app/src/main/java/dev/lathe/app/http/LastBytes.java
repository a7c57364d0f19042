package dev.lathe.app.http;

import java.io.IOException;
import java.nio.ByteBuffer;
import org.eclipse.jetty.server.Response;
import org.jspecify.annotations.Nullable;

/// The last bytes of an answer, kept back until nothing of its request is under way any more: a
/// client that has its whole answer finds its place free, and its tokens counted.
final class LastBytes {
  /// What is more than this is sent while the request still has its place.
  private static final int MOST = 64 << 10;

  private final Response response;
  private @Nullable ByteBuffer bytes;

  LastBytes(Response response) {
    this.response = response;
  }

  /// Takes the rest of the answer; the bytes must stay as they are.
  ///
  /// @throws IOException when the client is gone, or took nothing for too long
  void keep(ByteBuffer rest) throws IOException {
    int more = rest.remaining() - MOST;
    if (more > 0) {
      Sending.all(response, false, rest.slice(rest.position(), more));
      rest.position(rest.position() + more);
    }
    bytes = rest;
  }

  /// Sends what was kept, and so ends the answer; nothing when there is none.
  ///
  /// @throws IOException when the client is gone, or took nothing for too long
  void send() throws IOException {
    ByteBuffer kept = bytes;
    if (kept != null) {
      Sending.all(response, true, kept);
    }
  }
}
