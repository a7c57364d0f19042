package dev.lathe.app.http;

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.server.ConnectionMetaData;
import org.eclipse.jetty.server.ServerConnector;

/// Ends connections whose client takes too long to send the head of a request, byte by byte or not
/// at all after connecting. (Jetty's own limit starts anew with each byte; the body has a limit in
/// [RequestBody].)
final class Patience implements Connection.Listener, Runnable {
  private static final long LOOK_EVERY_MILLIS = 500;

  private final ServerConnector connector;
  private final long mostNanos;
  private final Map<Connection, State> connections = new ConcurrentHashMap<>();

  /// @param handling whether a request of it is being answered
  /// @param bytesIn bytes read when it last was known to wait for a request's first byte
  /// @param since when that was
  private record State(boolean handling, long bytesIn, long since) {}

  Patience(ServerConnector connector, Duration most) {
    this.connector = connector;
    this.mostNanos = most.toNanos();
  }

  void begin() {
    connector.getScheduler().schedule(this, LOOK_EVERY_MILLIS, TimeUnit.MILLISECONDS);
  }

  @Override
  public void onOpened(Connection connection) {
    if (connection instanceof ConnectionMetaData) {
      connections.put(connection, new State(false, -1, System.nanoTime()));
    }
  }

  @Override
  public void onClosed(Connection connection) {
    connections.remove(connection);
  }

  /// A request's head is complete.
  void received(Connection connection) {
    note(connection, true);
  }

  /// The answer is complete.
  void answered(Connection connection) {
    note(connection, false);
  }

  private void note(Connection connection, boolean handling) {
    State state = new State(handling, connection.getBytesIn(), System.nanoTime());
    connections.computeIfPresent(connection, (_, _) -> state);
  }

  @Override
  public void run() {
    long now = System.nanoTime();
    connections.forEach((connection, state) -> look(connection, state, now));
    if (connector.isRunning()) {
      begin();
    }
  }

  private void look(Connection connection, State state, long now) {
    if (state.handling) {
      return;
    }
    boolean waits = state.bytesIn == connection.getBytesIn();
    if (waits) {
      connections.replace(connection, state, new State(false, state.bytesIn, now));
    } else if (now - state.since > mostNanos) {
      connection.getEndPoint().close();
    }
  }
}
