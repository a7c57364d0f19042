package dev.lathe.app.http;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedSelectorException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.io.EndPoint;
import org.eclipse.jetty.io.SocketChannelEndPoint;
import org.eclipse.jetty.io.ssl.SslConnection;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.util.BufferUtil;
import org.jspecify.annotations.Nullable;

/// Notices clients that go away while their answer is being made. Jetty reads nothing from a
/// connection between a request and its answer; one thread here waits on a selector of its own for
/// the end of each connection that is watched. A client that ends its half of the connection counts
/// as gone.
final class Departures implements AutoCloseable {
  private static final int READ_AHEAD = 4096;

  private final Selector selector;

  private Departures(Selector selector) {
    this.selector = selector;
  }

  /// Begins to wait; whoever opens it closes it.
  static Departures open() {
    try {
      Departures departures = new Departures(Selector.open());
      Thread.ofPlatform().daemon().name("lathe-departures").start(departures::loop);
      return departures;
    } catch (IOException e) {
      throw new IllegalStateException("a selector cannot be opened", e);
    }
  }

  /// The watch over one request. Close it before the answer is complete: afterwards the connection
  /// is Jetty's again.
  private final class Watch implements Call.Watch {
    private final Connection connection;
    private final Runnable gone;
    private @Nullable SelectionKey key;
    private boolean open = true;

    private Watch(Connection connection, Runnable gone) {
      this.connection = connection;
      this.gone = gone;
    }

    private synchronized void begin(SocketChannel channel) {
      try {
        SelectionKey known = channel.keyFor(selector);
        if (known == null) {
          key = channel.register(selector, SelectionKey.OP_READ, this);
        } else {
          known.attach(this);
          key = known.interestOps(SelectionKey.OP_READ);
        }
        selector.wakeup();
      } catch (IOException | RuntimeException e) {
        open = false;
        gone.run();
      }
    }

    /// Something can be read: the end, an error, or a request sent ahead, which is kept for Jetty.
    private synchronized void look() {
      if (!open) {
        return;
      }
      ByteBuffer buffer = BufferUtil.allocate(READ_AHEAD);
      int count;
      try {
        count = connection.getEndPoint().fill(buffer);
      } catch (IOException e) {
        count = -1;
      }
      if (count > 0) {
        ((Connection.UpgradeTo) connection).onUpgradeTo(buffer);
        rest();
      } else if (count < 0) {
        rest();
        open = false;
        gone.run();
      }
    }

    private void rest() {
      if (key != null && key.isValid()) {
        key.interestOps(0);
      }
    }

    @Override
    public synchronized void close() {
      if (open) {
        open = false;
        rest();
      }
    }
  }

  Call.Watch watch(Request request, Runnable gone) {
    Connection connection = request.getConnectionMetaData().getConnection();
    Watch watch = new Watch(connection, gone);
    EndPoint wire = connection.getEndPoint();
    if (wire instanceof SslConnection.SslEndPoint secure) {
      wire = secure.getSslConnection().getEndPoint();
    }
    if (wire instanceof SocketChannelEndPoint socket) {
      watch.begin(socket.getChannel());
    }
    return watch;
  }

  private void loop() {
    try {
      while (selector.isOpen()) {
        selector.select(key -> {
          if (key.isValid() && key.attachment() instanceof Watch watch) {
            watch.look();
          }
        });
      }
    } catch (IOException | ClosedSelectorException e) {
      // closed: nobody waits any more
    }
  }

  @Override
  public void close() {
    try {
      selector.close();
    } catch (IOException e) {
      throw new IllegalStateException("the selector cannot be closed", e);
    }
  }
}
