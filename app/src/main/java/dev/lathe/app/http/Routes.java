package dev.lathe.app.http;

import dev.lathe.app.http.Route.Method;
import dev.lathe.compute.Nearest;
import dev.lathe.platform.access.Operation;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/// All routes of a server, found by method and path.
public final class Routes {
  private final List<Route> all;
  private final Map<String, Map<Method, Route>> fixed = new HashMap<>();
  private final List<Route> varying = new ArrayList<>();

  /// A route and the texts that stand in its path where `{name}` stands.
  record Match(Route route, Map<String, String> segments) {}

  /// @throws IllegalArgumentException when two are the same
  public Routes(List<Route> routes) {
    all = List.copyOf(routes);
    Set<String> seen = new TreeSet<>();
    for (Route route : all) {
      if (!seen.add(route.method() + " " + route.path())) {
        throw new IllegalArgumentException(
            "there are two routes " + route.method() + " " + route.path());
      }
      if (route.path().contains("{")) {
        varying.add(route);
      } else {
        fixed
            .computeIfAbsent(route.path(), _ -> new EnumMap<>(Method.class))
            .put(route.method(), route);
      }
    }
  }

  /// The routes, and `/openapi.json`, which describes them and itself.
  public static Routes documented(List<Route> routes, String version) {
    List<Route> all = new ArrayList<>(routes);
    all.add(
        Route.get("/openapi.json")
            .needs(Operation.LOOK)
            .summary("Describe all routes")
            .givesText("application/json", "an OpenAPI 3.1 document")
            .by(call ->
                call.send(
                    "application/json", OpenApi.document(all, version).toPrettyString() + "\n")));
    return new Routes(all);
  }

  public List<Route> all() {
    return all;
  }

  /// The route of a request; `HEAD` is answered as `GET`.
  ///
  /// @param path without query, with slashes of names still encoded
  /// @throws Refusal when there is none
  Match find(String method, String path) {
    String wanted = method.equals("HEAD") ? "GET" : method;
    List<Match> matches = matches(path);
    Optional<Match> match =
        matches.stream().filter(each -> each.route.method().name().equals(wanted)).findFirst();
    if (match.isPresent()) {
      return match.get();
    }
    if (matches.isEmpty()) {
      throw new Refusal(
          Fault.NOT_FOUND,
          "there is no path '%s'%s: /openapi.json lists what there is"
              .formatted(path, Nearest.hint(path, fixed.keySet())));
    }
    throw new Refusal(
        Fault.METHOD_NOT_ALLOWED,
        "the path '%s' has no method %s, it has %s"
            .formatted(path, method, String.join(", ", methods(matches))));
  }

  private static List<String> methods(List<Match> matches) {
    return matches.stream().map(each -> each.route.method().name()).sorted().toList();
  }

  /// What the header `Allow` says of a path, of all paths where it is `*`; nothing where there is
  /// no such path.
  Optional<String> allowed(String path) {
    Set<String> methods = new TreeSet<>(methods(matches(path)));
    if (path.equals("*")) {
      all.forEach(route -> methods.add(route.method().name()));
    }
    if (methods.isEmpty()) {
      return Optional.empty();
    }
    if (methods.contains("GET")) {
      methods.add("HEAD");
    }
    methods.add("OPTIONS");
    return Optional.of(String.join(", ", methods));
  }

  /// How errors are written below a path: as by the routes that begin as it does, so that a client
  /// of an API reads them in its form also where there is no route.
  Shape<Refusal> errors(String path) {
    String first = firstSegment(path);
    return all.stream()
        .filter(route -> firstSegment(route.path()).equals(first))
        .findFirst()
        .map(Route::errors)
        .orElse(Refusal.SHAPE);
  }

  private static String firstSegment(String path) {
    int end = path.indexOf('/', 1);
    return end < 0 ? path : path.substring(0, end);
  }

  private List<Match> matches(String path) {
    Map<Method, Route> exact = fixed.get(path);
    if (exact != null) {
      return exact.values().stream().map(route -> new Match(route, Map.of())).toList();
    }
    return varying.stream().flatMap(route -> match(route, path).stream()).toList();
  }

  private static Optional<Match> match(Route route, String path) {
    String[] wanted = route.path().split("/", -1);
    String[] found = path.split("/", -1);
    if (wanted.length != found.length) {
      return Optional.empty();
    }
    Map<String, String> segments = new HashMap<>();
    for (int i = 0; i < wanted.length; i++) {
      if (wanted[i].startsWith("{") && !found[i].isEmpty()) {
        segments.put(wanted[i].substring(1, wanted[i].length() - 1), decoded(found[i]));
      } else if (!wanted[i].equals(found[i])) {
        return Optional.empty();
      }
    }
    return Optional.of(new Match(route, segments));
  }

  private static String decoded(String segment) {
    try {
      return URLDecoder.decode(segment.replace("+", "%2B"), StandardCharsets.UTF_8);
    } catch (IllegalArgumentException e) {
      throw new Refusal(Fault.NOT_FOUND, "the path segment '" + segment + "' is badly encoded");
    }
  }
}
