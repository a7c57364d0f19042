package dev.lathe.app.http.openai;

import dev.lathe.app.http.Route;
import dev.lathe.app.http.serving.Serving;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;

/// All routes of OpenAI's API.
public final class OpenAiRoutes {
  private OpenAiRoutes() {}

  public static List<Route> of(Serving serving, Clock clock) {
    List<Route> routes = new ArrayList<>();
    routes.add(new ChatRoute(serving, clock).route());
    routes.add(new CompletionRoute(serving, clock).route());
    routes.add(new ResponseRoute(serving, clock).route());
    routes.add(Embeddings.route(serving));
    routes.addAll(ModelList.routes(serving));
    routes.addAll(Tokens.routes(serving));
    return routes;
  }
}
