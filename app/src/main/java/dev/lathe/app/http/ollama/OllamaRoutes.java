package dev.lathe.app.http.ollama;

import dev.lathe.app.http.Fault;
import dev.lathe.app.http.Refusal;
import dev.lathe.app.http.Route;
import dev.lathe.app.http.Shape;
import dev.lathe.app.http.serving.Serving;
import dev.lathe.platform.access.Operation;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;

/// All routes of Ollama's API.
public final class OllamaRoutes {
  /// Ollama's form of an error.
  static final Shape<Refusal> ERROR =
      Shape.<Refusal>named("OllamaError")
          .text("error", "what was wanted, found, and what to do", Refusal::message)
          .build();

  private OllamaRoutes() {}

  public static List<Route> of(Serving serving, Clock clock) {
    List<Route> routes = new ArrayList<>();
    routes.add(new OllamaAnswers(serving, clock).chat());
    routes.add(new OllamaAnswers(serving, clock).generate());
    routes.addAll(OllamaEmbed.routes(serving));
    routes.addAll(OllamaModels.routes(serving));
    for (String path : List.of("/api/pull", "/api/push", "/api/create", "/api/copy")) {
      routes.add(refused(Route.post(path)));
    }
    routes.add(refused(Route.post("/api/blobs/{digest}").parameter("digest", "of a file")));
    routes.add(refused(Route.delete("/api/delete")));
    return routes;
  }

  /// What Ollama does with its store of models.
  private static Route refused(Route.Builder route) {
    return route
        .needs(Operation.LIST)
        .summary("Refused: models do not change over Ollama's API")
        .fails(Fault.NOT_SUPPORTED)
        .errorsAs(ERROR)
        .by(_ -> {
          throw new Refusal(
              Fault.NOT_SUPPORTED,
              "models do not change over Ollama's API: 'lathe pull' fetches a base, 'lathe serve'"
                  + " names the one that answers, /v1/adapters loads and unloads adapters");
        });
  }
}
