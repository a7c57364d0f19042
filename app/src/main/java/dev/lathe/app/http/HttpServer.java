package dev.lathe.app.http;

import dev.lathe.compute.LatheException;
import dev.lathe.platform.access.ApiKeys;
import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.time.Duration;
import org.eclipse.jetty.http.UriCompliance;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.NetworkConnectionLimit;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.SslConnectionFactory;
import org.eclipse.jetty.util.VirtualThreads;
import org.eclipse.jetty.util.thread.QueuedThreadPool;

/// A server that listens. Requests run in virtual threads; waiting costs none of the machine's.
public final class HttpServer implements AutoCloseable {
  private static final Duration LOOK = Duration.ofMillis(20);

  private final Server server;
  private final ServerConnector connector;
  private final Dispatcher dispatcher;
  private final Departures departures;
  private final ServerSettings settings;

  private HttpServer(
      Server server,
      ServerConnector connector,
      Dispatcher dispatcher,
      Departures departures,
      ServerSettings settings) {
    this.server = server;
    this.connector = connector;
    this.dispatcher = dispatcher;
    this.departures = departures;
    this.settings = settings;
  }

  /// Binds and begins to answer.
  ///
  /// @param keys who may call; without any key everybody on this machine may
  /// @throws LatheException when the address cannot be bound, or others than this machine could
  ///   reach the server and there is no key
  public static HttpServer start(
      ServerSettings settings, Routes routes, ApiKeys keys, ServerLog log) {
    requireKey(settings, keys);
    QueuedThreadPool threads = new QueuedThreadPool(16, 4);
    threads.setName("lathe-http");
    threads.setDaemon(true);
    threads.setVirtualThreadsExecutor(VirtualThreads.getDefaultVirtualThreadsExecutor());
    Server server = new Server(threads);
    ServerConnector connector = connector(server, settings);
    Departures departures = Departures.open();
    Patience patience =
        new Patience(connector, settings.limits().toSend(), settings.limits().connections());
    connector.addBean(patience);
    connector.addBean(departures);
    connector.addBean(new NetworkConnectionLimit(settings.limits().connections(), connector));
    Dispatcher dispatcher =
        new Dispatcher(
            routes, new Gate(keys, settings), settings.limits(), departures, patience, log);
    server.setHandler(dispatcher);
    server.setErrorHandler(Dispatcher::refuseMalformed);
    server.addConnector(connector);
    HttpServer started = new HttpServer(server, connector, dispatcher, departures, settings);
    started.begin();
    patience.begin();
    return started;
  }

  private static void requireKey(ServerSettings settings, ApiKeys keys) {
    if (!keys.exist() && !isLoopback(settings.host())) {
      throw LatheException.user(
          "on '" + settings.host() + "' others could reach the server, and there is no key",
          "create one with 'lathe key create NAME', or leave --host out to serve this machine only");
    }
  }

  private static boolean isLoopback(String host) {
    try {
      return InetAddress.getByName(host).isLoopbackAddress();
    } catch (UnknownHostException e) {
      throw LatheException.user(
          "there is no host '" + host + "'", "give an address of this machine, or leave it out");
    }
  }

  private static ServerConnector connector(Server server, ServerSettings settings) {
    ServerSettings.Limits limits = settings.limits();
    HttpConfiguration http = new HttpConfiguration();
    http.setSendServerVersion(false);
    http.setRequestHeaderSize(limits.headerBytes());
    http.setIdleTimeout(limits.toRead().toMillis());
    http.setUriCompliance(
        UriCompliance.RFC3986.with(
            "names with slashes, and paths put together with one too many",
            UriCompliance.Violation.AMBIGUOUS_PATH_SEPARATOR,
            UriCompliance.Violation.AMBIGUOUS_EMPTY_SEGMENT));
    HttpConnectionFactory plain = new HttpConnectionFactory(http);
    ServerConnector connector =
        settings
            .tls()
            .map(tls ->
                new ServerConnector(
                    server,
                    1,
                    1,
                    new SslConnectionFactory(PemFiles.context(tls), plain.getProtocol()),
                    plain))
            .orElseGet(() -> new ServerConnector(server, 1, 1, plain));
    connector.setHost(settings.host());
    connector.setPort(settings.port());
    connector.setIdleTimeout(limits.idle().toMillis());
    connector.setAcceptQueueSize(1024);
    return connector;
  }

  private void begin() {
    try {
      server.start();
    } catch (Exception e) {
      close();
      if (e instanceof IOException) {
        throw LatheException.environment(
            "'%s' port %d cannot be bound (%s)"
                .formatted(settings.host(), settings.port(), e.getMessage()),
            "end what listens there, or choose another with --port",
            e);
      }
      throw new IllegalStateException("the server does not start", e);
    }
  }

  /// Where it can be reached, as `http://127.0.0.1:8000`.
  public URI address() {
    String scheme = settings.tls().isPresent() ? "https" : "http";
    String host = settings.host().contains(":") ? "[" + settings.host() + "]" : settings.host();
    return URI.create(scheme + "://" + host + ":" + connector.getLocalPort());
  }

  /// Accepts no more connections, refuses new requests, and waits for those under way.
  ///
  /// @return requests that were still under way when the time was over
  public int drain() throws InterruptedException {
    dispatcher.drain();
    connector.close();
    long until = System.nanoTime() + settings.limits().drain().toNanos();
    while (dispatcher.underWay() > 0 && System.nanoTime() < until) {
      Thread.sleep(LOOK);
    }
    return dispatcher.underWay();
  }

  /// Ends everything at once.
  @Override
  public void close() {
    departures.close();
    try {
      server.stop();
    } catch (Exception e) {
      throw new IllegalStateException("the server does not stop", e);
    }
  }
}
