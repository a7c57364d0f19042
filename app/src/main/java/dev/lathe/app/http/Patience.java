package dev.lathe.app.http;

import java.io.IOException;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.Comparator;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
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

  /// One connection in so many is ended at once where there is no room.
  private static final int PART = 64;

  /// To begin counts as much as so many bytes sent.
  private static final long BEGINNING = 64 << 10;

  private final ServerConnector connector;
  private final int mostLooks;
  private final int mostConnections;
  private final AtomicLong numbers = new AtomicLong();
  private final AtomicBoolean full = new AtomicBoolean();
  private final Map<Connection, State> connections = new ConcurrentHashMap<>();

  private enum Phase {
    /// A request has not begun, or its head is not complete.
    WAITING,
    /// The rest of a request comes.
    SENDING,
    /// The request is there as a whole.
    ANSWERING,
    /// It is told that it was too slow, and closed.
    LEAVING
  }

  /// @param begunAt bytes read when the phase began; negative when it is a new connection's, from
  ///   which a request is due
  /// @param looks looks since, at which the head of a request was begun and not complete
  /// @param seen bytes read at the last look
  /// @param lately bytes that came lately: those before a look count half as much after it
  /// @param number larger for what happened to a connection later
  /// @param giveUp ends the wait for the rest of the request
  private record State(
      Phase phase, long begunAt, int looks, long seen, long lately, long number, Runnable giveUp) {
    /// Bytes that came lately, those since the last look included.
    long lately(long bytes) {
      return isFirst(bytes) ? BEGINNING : lately + bytes - seen;
    }

    /// Whether the first bytes of a request have come since the last look.
    boolean isFirst(long bytes) {
      return phase == Phase.WAITING && seen == begunAt && bytes > seen;
    }

    boolean isHeadBegun(long bytes) {
      return phase == Phase.WAITING && bytes != begunAt;
    }
  }

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
      connections.put(connection, state(Phase.WAITING, -1, 0, () -> {}));
      if (connections.size() >= mostConnections && full.compareAndSet(false, true)) {
        connector.getScheduler().schedule(this::makeRoom, 0, TimeUnit.MILLISECONDS);
      }
    }
  }

  @Override
  public void onClosed(Connection connection) {
    connections.remove(connection);
  }

  /// A request's head is complete.
  ///
  /// @param giveUp ends the wait for the rest, from any thread; without effect where nothing is
  ///   waited for
  void received(Connection connection, Runnable giveUp) {
    note(connection, Phase.SENDING, giveUp);
  }

  /// The request is complete, or what may still come of it is of no use to the answer.
  void answering(Connection connection) {
    note(connection, Phase.ANSWERING, () -> {});
  }

  /// The answer is complete.
  void answered(Connection connection) {
    note(connection, Phase.WAITING, () -> {});
  }

  private void note(Connection connection, Phase phase, Runnable giveUp) {
    long bytes = connection.getBytesIn();
    State state = state(phase, bytes, bytes, giveUp);
    connections.computeIfPresent(connection, (_, _) -> state);
  }

  private State state(Phase phase, long begunAt, long bytes, Runnable giveUp) {
    return new State(phase, begunAt, 0, bytes, BEGINNING, numbers.incrementAndGet(), giveUp);
  }

  @Override
  public void run() {
    connections.forEach(this::look);
    makeRoom();
    if (connector.isRunning()) {
      begin();
    }
  }

  /// What became of the connection meanwhile prevails.
  private void look(Connection connection, State state) {
    long bytes = connection.getBytesIn();
    boolean counts = state.isHeadBegun(bytes);
    if (counts && state.looks >= mostLooks) {
      end(connection, state);
      return;
    }
    State next =
        new State(
            state.phase,
            state.begunAt,
            counts ? state.looks + 1 : state.looks,
            bytes,
            state.lately(bytes) / 2,
            state.isFirst(bytes) ? numbers.incrementAndGet() : state.number,
            state.giveUp);
    if (!next.equals(state)) {
      connections.replace(connection, state, next);
    }
  }

  private record Candidate(Connection connection, State state, long lately) {}

  /// Nobody else gets in while there are as many connections as there may be: some of those are
  /// ended that send least, of equal ones those first to which nothing has happened for longest.
  /// Who has begun less than a look ago is let be, and so is a request that is complete.
  private void makeRoom() {
    full.set(false);
    long leaving =
        connections.values().stream().filter(each -> each.phase == Phase.LEAVING).count();
    if (connections.size() - leaving < mostConnections) {
      return;
    }
    connections.entrySet().stream()
        .filter(each -> mayLeave(each.getValue().phase))
        .map(each -> candidate(each.getKey(), each.getValue()))
        .filter(each -> each.lately < BEGINNING)
        .sorted(
            Comparator.comparingLong(Candidate::lately)
                .thenComparingLong(each -> each.state.number))
        .filter(each -> !hasUnread(each.connection))
        .limit(Math.ceilDiv(mostConnections, PART))
        .forEach(each -> end(each.connection, each.state));
  }

  private static boolean mayLeave(Phase phase) {
    return phase == Phase.WAITING || phase == Phase.SENDING;
  }

  private static Candidate candidate(Connection connection, State state) {
    return new Candidate(connection, state, state.lately(connection.getBytesIn()));
  }

  /// Whether something has come that was not read yet, for which the client is not to blame.
  private static boolean hasUnread(Connection connection) {
    Optional<SocketChannel> socket = Departures.socket(connection);
    try {
      return socket.isPresent() && socket.get().socket().getInputStream().available() > 0;
    } catch (IOException closed) {
      return false;
    }
  }

  private void end(Connection connection, State state) {
    if (state.phase == Phase.SENDING) {
      if (connections.replace(connection, state, state(Phase.LEAVING, 0, 0, () -> {}))) {
        state.giveUp.run();
      }
    } else if (connections.remove(connection, state)) {
      connection.getEndPoint().close();
    }
  }
}
