package dev.lathe.app.http.ollama;

import dev.lathe.app.http.Refusal;
import dev.lathe.app.http.Route;
import dev.lathe.app.http.Shape;
import dev.lathe.app.http.serving.Serving;
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
    return routes;
  }
}
