package dev.lathe.app.http;

import java.time.Duration;
import java.util.Comparator;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.server.ConnectionMetaData;
import org.eclipse.jetty.server.ServerConnector;

/// Ends connections whose client takes too long to send the head of a request, byte by byte or not
/// at all after connecting, and those that only keep others out. (Jetty's own limit starts anew
/// with each byte; the body has a limit in [RequestBody].)
///
/// Time is counted in looks: what passes while this machine is busy or stands still is not the
/// client's.
final class Patience implements Connection.Listener, Runnable {
  private static final long LOOK_EVERY_MILLIS = 500;

  /// One connection in so many is ended at a look where there is no room.
  private static final int PART = 16;

  private final ServerConnector connector;
  private final int mostLooks;
  private final int mostConnections;
  private final AtomicLong numbers = new AtomicLong();
  private final Map<Connection, State> connections = new ConcurrentHashMap<>();

  /// @param handling whether a request of it is being answered
  /// @param bytesIn bytes read when it last was known to wait for a request's first byte
  /// @param looks looks since, at which the head of a request was begun and not complete
  /// @param number larger for what happened to a connection later
  private record State(boolean handling, long bytesIn, int looks, long number) {}

  /// @param most longest time for the head of a request
  /// @param mostConnections how many the connector takes
  Patience(ServerConnector connector, Duration most, int mostConnections) {
    this.connector = connector;
    this.mostConnections = mostConnections;
    this.mostLooks = Math.toIntExact(Math.ceilDiv(most.toMillis(), LOOK_EVERY_MILLIS));
  }

  void begin() {
    connector.getScheduler().schedule(this, LOOK_EVERY_MILLIS, TimeUnit.MILLISECONDS);
  }

  @Override
  public void onOpened(Connection connection) {
    if (connection instanceof ConnectionMetaData) {
      connections.put(connection, new State(false, -1, 0, numbers.incrementAndGet()));
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
    State state = new State(handling, connection.getBytesIn(), 0, numbers.incrementAndGet());
    connections.computeIfPresent(connection, (_, _) -> state);
  }

  @Override
  public void run() {
    connections.forEach(this::look);
    if (connections.size() >= mostConnections) {
      makeRoom();
    }
    if (connector.isRunning()) {
      begin();
    }
  }

  /// What became of the connection meanwhile prevails.
  private void look(Connection connection, State state) {
    if (state.handling || state.bytesIn == connection.getBytesIn()) {
      return;
    }
    if (state.looks < mostLooks) {
      connections.replace(
          connection, state, new State(false, state.bytesIn, state.looks + 1, state.number));
    } else {
      end(connection, state);
    }
  }

  /// Nobody else gets in while there are as many connections as there may be: some of those without
  /// a request are ended, the ones first to which nothing has happened for longest.
  private void makeRoom() {
    connections.entrySet().stream()
        .filter(each -> !each.getValue().handling)
        .sorted(Comparator.comparingLong(each -> each.getValue().number))
        .limit(Math.ceilDiv(mostConnections, PART))
        .forEach(each -> end(each.getKey(), each.getValue()));
  }

  private void end(Connection connection, State state) {
    if (connections.remove(connection, state)) {
      connection.getEndPoint().close();
    }
  }
}
