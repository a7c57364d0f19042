package dev.lathe.app.http.service;

import dev.lathe.app.http.HttpServer;
import dev.lathe.app.http.Route;
import dev.lathe.app.http.Routes;
import dev.lathe.app.http.ServerLog;
import dev.lathe.app.http.ServerSettings;
import dev.lathe.app.http.ollama.OllamaRoutes;
import dev.lathe.app.http.openai.OpenAiRoutes;
import dev.lathe.app.http.page.ChatPage;
import dev.lathe.app.http.serving.Serving;
import dev.lathe.platform.access.ApiKeys;
import dev.lathe.platform.gateway.ServedModels;
import dev.lathe.platform.gateway.Workspace;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;

/// A server with all routes over some models.
public final class Service implements AutoCloseable {
  private final HttpServer server;
  private final AtomicBoolean draining;

  private Service(HttpServer server, AtomicBoolean draining) {
    this.server = server;
    this.draining = draining;
  }

  /// What a service is made of.
  ///
  /// @param models remain the caller's to close
  /// @param workspace where adapters may be loaded from
  /// @param maxTime longest time that an answer may take
  /// @param version of Lathe
  public record Parts(
      ServerSettings settings,
      ServedModels models,
      Workspace workspace,
      ApiKeys keys,
      ServerLog log,
      Duration maxTime,
      String version) {}

  /// Binds and begins to answer.
  ///
  /// @throws dev.lathe.compute.LatheException when that cannot be
  public static Service start(Parts parts) {
    AtomicBoolean draining = new AtomicBoolean();
    Metrics metrics = new Metrics();
    Routes routes = routes(parts, metrics, draining);
    HttpServer server =
        HttpServer.start(parts.settings(), routes, parts.keys(), metrics.counting(parts.log()));
    return new Service(server, draining);
  }

  private static Routes routes(Parts parts, Metrics metrics, AtomicBoolean draining) {
    Serving serving = new Serving(parts.models(), parts.maxTime(), metrics.registry());
    List<Route> routes = new ArrayList<>();
    routes.addAll(OpenAiRoutes.of(serving, Clock.systemUTC()));
    routes.addAll(OllamaRoutes.of(serving, Clock.systemUTC()));
    routes.addAll(AdapterRoutes.of(serving, parts.workspace()));
    routes.add(metrics.route(parts.models().generator()));
    routes.addAll(Probes.routes(draining::get));
    routes.addAll(ChatPage.routes());
    return Routes.documented(routes, parts.version());
  }

  /// Where it can be reached.
  public URI address() {
    return server.address();
  }

  /// Stops in order: says that it is not ready, accepts no more, and lets what is under way end
  /// within the time the settings give.
  ///
  /// @return requests that did not end in time
  public int drain() throws InterruptedException {
    draining.set(true);
    return server.drain();
  }

  @Override
  public void close() {
    server.close();
  }
}
