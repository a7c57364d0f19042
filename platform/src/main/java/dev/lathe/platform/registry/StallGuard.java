package dev.lathe.platform.registry;

import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;

/// A stream that is closed from outside when no byte came for too long; the reader then gets an
/// [IOException] that says so. The JDK's client limits the wait for headers only.
final class StallGuard extends InputStream {
  private final InputStream body;
  private final Duration limit;
  private final Thread watch;
  private volatile long lastByteNanos = System.nanoTime();
  private volatile boolean stalled;

  StallGuard(InputStream body, Duration limit) {
    this.body = body;
    this.limit = limit;
    this.watch = Thread.ofVirtual().start(this::watch);
  }

  private void watch() {
    try {
      while (true) {
        long left = limit.toNanos() - (System.nanoTime() - lastByteNanos);
        if (left <= 0) {
          stalled = true;
          body.close();
          return;
        }
        Thread.sleep(Duration.ofNanos(left));
      }
    } catch (InterruptedException | IOException e) {
      // closed, or about to fail for its reader
    }
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] target, int offset, int length) throws IOException {
    try {
      int read = body.read(target, offset, length);
      lastByteNanos = System.nanoTime();
      if (read < 0 && stalled) {
        throw new IOException("closed");
      }
      return read;
    } catch (IOException e) {
      throw stalled ? new IOException("no byte for %d s".formatted(limit.toSeconds()), e) : e;
    }
  }

  @Override
  public void close() throws IOException {
    watch.interrupt();
    body.close();
  }
}
