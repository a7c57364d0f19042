package dev.lathe.app.http;

import dev.lathe.platform.access.ApiKeys;
import dev.lathe.platform.access.Caller;
import dev.lathe.platform.access.Operation;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.jspecify.annotations.Nullable;

/// Who gets in: web pages by their origin, callers by their key, and not too many requests of one
/// caller at once.
final class Gate {
  private static final Set<String> LOOPBACK = Set.of("localhost", "127.0.0.1", "[::1]", "::1");
  private static final String BEARER = "bearer ";

  private final ApiKeys keys;
  private final Set<String> origins;
  private final String host;
  private final int streamsPerKey;
  private final Map<String, Integer> streams = new ConcurrentHashMap<>();

  Gate(ApiKeys keys, ServerSettings settings) {
    this.keys = keys;
    this.origins = settings.origins();
    this.host = settings.host();
    this.streamsPerKey = settings.limits().streamsPerKey();
  }

  /// A caller's place among those that generate.
  interface Place extends AutoCloseable {
    @Override
    void close();
  }

  /// Turns away web pages that were not invited: a browser says where a request comes from, and
  /// without keys a page could otherwise use a server that only this machine can reach.
  ///
  /// @return the origin to allow, if the request comes from one
  /// @throws Refusal when it is not allowed
  Optional<String> origin(HttpFields headers) {
    String target = value(headers, HttpHeader.HOST);
    if (!keys.exist() && LOOPBACK.contains(host) && !isOurs(target)) {
      throw new Refusal(
          Fault.ORIGIN_NOT_ALLOWED,
          ("the request is for the host '%s', and without keys this server answers as %s only: ask"
                  + " for it by that name, or create a key with 'lathe key create NAME'")
              .formatted(target, host));
    }
    String origin = value(headers, HttpHeader.ORIGIN);
    if (origin.isEmpty() || isSame(origin, target)) {
      return Optional.empty();
    }
    if (origins.contains("*") || origins.contains(origin)) {
      return Optional.of(origin);
    }
    if (origin.equals("null")) {
      throw new Refusal(
          Fault.ORIGIN_NOT_ALLOWED,
          "the page has no origin, as a file or a sandboxed frame of any web site: serve it over HTTP"
              + " and start this server with --cors-origin and the address of that server");
    }
    throw new Refusal(
        Fault.ORIGIN_NOT_ALLOWED,
        "web pages of '%s' may not use this server: start it with --cors-origin %s to allow them"
            .formatted(origin, origin));
  }

  private boolean isOurs(String target) {
    String name = target.replaceFirst(":\\d*$", "").toLowerCase(Locale.ROOT);
    return name.isEmpty() || LOOPBACK.contains(name) || name.equals(host);
  }

  private static boolean isSame(String origin, String target) {
    int scheme = origin.indexOf("://");
    return scheme > 0 && origin.substring(scheme + 3).equalsIgnoreCase(target);
  }

  private static String value(HttpFields headers, HttpHeader name) {
    @Nullable String value = headers.get(name);
    return value == null ? "" : value.strip();
  }

  /// Who asks.
  ///
  /// @throws Refusal when a key is needed and none or a wrong one is shown, or the key does not
  ///   allow the operation
  Caller admit(HttpFields headers, Operation operation) {
    if (!keys.exist()) {
      return Caller.LOCAL;
    }
    if (operation.isOpen()) {
      return Caller.ANONYMOUS;
    }
    String shown = value(headers, HttpHeader.AUTHORIZATION);
    if (!shown.toLowerCase(Locale.ROOT).startsWith(BEARER)) {
      throw new Refusal(
          Fault.INVALID_API_KEY,
          "no key was shown: send it as 'Authorization: Bearer sk-lathe-...'");
    }
    Caller caller =
        keys.caller(shown.substring(BEARER.length()).strip())
            .orElseThrow(() ->
                new Refusal(
                    Fault.INVALID_API_KEY,
                    "the key shown is not known, has expired or was revoked: 'lathe key list'"
                        + " shows those there are"));
    if (!caller.may(operation)) {
      throw new Refusal(
          Fault.NOT_ALLOWED,
          "the key '%s' lacks the scope '%s': create one with --scope %s"
              .formatted(caller.name(), operation.scope(), operation.scope()));
    }
    return caller;
  }

  /// A place for a request, until it is closed.
  ///
  /// @throws Refusal when the caller has too many requests under way
  Place place(Caller caller, Operation operation) {
    if (operation != Operation.GENERATE && operation != Operation.EMBED) {
      return () -> {};
    }
    String id = caller.keyId();
    int now = streams.merge(id, 1, Integer::sum);
    Place place = () -> streams.computeIfPresent(id, (_, count) -> count > 1 ? count - 1 : null);
    if (!id.isEmpty() && now > streamsPerKey) {
      place.close();
      throw new Refusal(
          Fault.TOO_MANY_STREAMS,
          "the key '%s' has %d requests under way, which is the most that one key may have"
              .formatted(caller.name(), streamsPerKey));
    }
    return place;
  }
}
