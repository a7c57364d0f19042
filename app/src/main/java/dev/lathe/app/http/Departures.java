package dev.lathe.app.http;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.CancelledKeyException;
import java.nio.channels.ClosedSelectorException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.util.Optional;
import org.eclipse.jetty.io.AbstractConnection;
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
///
/// Hears of the end of connections: a socket stays half open until all selectors have let go of it.
final class Departures implements Connection.Listener, AutoCloseable {
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
      int count;
      try {
        count = readAhead();
      } catch (IOException e) {
        count = -1;
      }
      if (count != 0) {
        rest();
      }
      if (count < 0) {
        open = false;
        gone.run();
      }
    }

    /// Puts what can be read behind what Jetty has read of later requests, as far as there is room
    /// in its buffer.
    ///
    /// @return bytes that are kept, negative at the end
    private int readAhead() throws IOException {
      ByteBuffer known = ((Connection.UpgradeFrom) connection).onUpgradeFrom();
      ByteBuffer ahead =
          BufferUtil.allocate(((AbstractConnection) connection).getInputBufferSize());
      if (known != null) {
        BufferUtil.append(ahead, known);
      }
      try {
        return BufferUtil.space(ahead) == 0
            ? ahead.remaining()
            : connection.getEndPoint().fill(ahead);
      } finally {
        if (ahead.hasRemaining()) {
          ((Connection.UpgradeTo) connection).onUpgradeTo(ahead);
        }
      }
    }

    private void rest() {
      try {
        if (key != null) {
          key.interestOps(0);
        }
      } catch (CancelledKeyException closed) {
        // nothing will be read any more
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
    socket(connection).ifPresent(watch::begin);
    return watch;
  }

  /// The socket of a connection, that below its TLS where there is any.
  static Optional<SocketChannel> socket(Connection connection) {
    EndPoint wire = connection.getEndPoint();
    if (wire instanceof SslConnection.SslEndPoint secure) {
      wire = secure.getSslConnection().getEndPoint();
    }
    return wire instanceof SocketChannelEndPoint socket
        ? Optional.of(socket.getChannel())
        : Optional.empty();
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
  public void onClosed(Connection connection) {
    selector.wakeup();
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
