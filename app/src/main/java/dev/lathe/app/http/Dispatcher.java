package dev.lathe.app.http;

import com.fasterxml.jackson.core.JsonFactory;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.StrictJson;
import dev.lathe.platform.access.Caller;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Pattern;
import org.eclipse.jetty.http.HttpField;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.http.PreEncodedHttpField;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.handler.ErrorHandler;
import org.eclipse.jetty.util.Callback;
import org.jspecify.annotations.Nullable;

/// Takes each request through gate and route to its answer; the one place where what went wrong
/// becomes an error that a client reads. Runs in a virtual thread for each request.
final class Dispatcher extends Handler.Abstract {
  private static final Pattern REQUEST_ID = Pattern.compile("[A-Za-z0-9._:/+=-]{1,128}");
  private static final String REQUEST_ID_HEADER = "X-Request-Id";
  private static final String SHOULD_RETRY_HEADER = "X-Should-Retry";

  /// Headers that clients in web pages of other origins read, besides the usual ones.
  private static final String EXPOSED =
      String.join(", ", REQUEST_ID_HEADER, HttpHeader.RETRY_AFTER.asString(), SHOULD_RETRY_HEADER);

  private static final int CLIENT_GONE = 499;
  private static final HttpField NO_SNIFF =
      new PreEncodedHttpField("X-Content-Type-Options", "nosniff");

  private final Routes routes;
  private final Gate gate;
  private final ServerSettings.Limits limits;
  private final Departures departures;
  private final Patience patience;
  private final ServerLog log;
  private final JsonFactory json;

  /// Bytes that bodies may still take.
  private final AtomicLong bodyRoom;

  private final AtomicInteger underWay = new AtomicInteger();
  private volatile boolean draining;

  Dispatcher(
      Routes routes,
      Gate gate,
      ServerSettings.Limits limits,
      Departures departures,
      Patience patience,
      ServerLog log) {
    this.routes = routes;
    this.gate = gate;
    this.limits = limits;
    this.departures = departures;
    this.patience = patience;
    this.log = log;
    this.json = StrictJson.factory(limits.jsonTokens());
    this.bodyRoom = new AtomicLong(limits.allBodiesBytes());
  }

  /// From now on new requests are refused.
  void drain() {
    draining = true;
  }

  int underWay() {
    return underWay.get();
  }

  /// A request with what is known of it so far.
  private static final class Exchange {
    private final Request request;
    private final Response response;
    private final String id;
    private final RequestBody body;
    private final LastBytes last;
    private final long began = System.nanoTime();
    private Shape<Refusal> errors = Refusal.SHAPE;
    private String path = "";
    private String methods = "";
    private Caller caller = Caller.ANONYMOUS;

    private Exchange(Request request, Response response, String id, RequestBody body) {
      this.request = request;
      this.response = response;
      this.id = id;
      this.body = body;
      this.last = new LastBytes(response);
    }
  }

  @Override
  public boolean handle(Request request, Response response, Callback callback) {
    var connection = request.getConnectionMetaData().getConnection();
    underWay.incrementAndGet();
    // Whether the client takes what is written has a limit of its own; to wait for the next token
    // is no idleness.
    request.addIdleTimeoutListener(_ -> false);
    RequestBody body =
        new RequestBody(request, limits, json, bodyRoom, () -> patience.answering(connection));
    patience.received(connection, body::giveUp);
    Exchange exchange = new Exchange(request, response, id(request.getHeaders()), body);
    response.getHeaders().put(REQUEST_ID_HEADER, exchange.id);
    response.getHeaders().put(NO_SNIFF);
    @Nullable Throwable broken = run(exchange);
    body.release();
    underWay.decrementAndGet();
    if (broken == null) {
      patience.received(connection, body::giveUp);
      body.drain();
    }
    patience.answered(connection);
    log.answered(
        new ServerLog.Answered(
            exchange.id,
            request.getMethod(),
            exchange.path,
            exchange.caller.name(),
            broken == null ? response.getStatus() : CLIENT_GONE,
            Duration.ofNanos(System.nanoTime() - exchange.began)));
    if (broken == null) {
      callback.succeeded();
    } else {
      callback.failed(broken);
    }
    return true;
  }

  private static String id(HttpFields headers) {
    @Nullable String given = headers.get(REQUEST_ID_HEADER);
    if (given != null && REQUEST_ID.matcher(given).matches()) {
      return given;
    }
    byte[] random = new byte[12];
    ThreadLocalRandom.current().nextBytes(random);
    return "req_" + HexFormat.of().formatHex(random);
  }

  /// @return why the answer cannot be completed, or null when it is complete
  private @Nullable Throwable run(Exchange exchange) {
    try {
      try {
        route(exchange);
        exchange.last.send();
      } catch (Refusal refusal) {
        report(log, exchange.id, refusal);
        refuse(exchange, refusal);
      } catch (LatheException error) {
        Refusal refusal = Refusal.of(error);
        report(log, exchange.id, refusal);
        refuse(exchange, refusal);
      } catch (RuntimeException | Error defect) {
        log.defect(exchange.id, defect);
        refuse(
            exchange,
            new Refusal(
                Fault.INTERNAL,
                "a defect of Lathe; its log says more about request " + exchange.id));
      }
      return null;
    } catch (IOException gone) {
      return gone;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return e;
    }
  }

  /// Logs a refusal that is a defect of Lathe.
  static void report(ServerLog log, String id, Refusal refusal) {
    if (refusal.fault() == Fault.INTERNAL) {
      log.defect(id, refusal.getCause() == null ? refusal : refusal.getCause());
    }
  }

  private void route(Exchange exchange) throws IOException, InterruptedException {
    HttpFields headers = exchange.request.getHeaders();
    String path = path(exchange.request);
    exchange.errors = routes.errors(path);
    Optional<String> origin = gate.origin(headers);
    origin.ifPresent(allowed -> allow(exchange.response, allowed));
    String method = exchange.request.getMethod();
    if (method.equals("OPTIONS") && origin.isPresent()) {
      preflight(exchange);
      return;
    }
    Optional<String> methods = routes.allowed(path);
    methods.ifPresent(each -> exchange.methods = each);
    if (method.equals("OPTIONS") && methods.isPresent()) {
      exchange.response.getHeaders().put(HttpHeader.ALLOW, exchange.methods);
      exchange.response.setStatus(204);
      exchange.last.keep(ByteBuffer.allocate(0));
      return;
    }
    Routes.Match match = routes.find(method, path);
    Route route = match.route();
    exchange.errors = route.errors();
    exchange.path = route.path();
    exchange.caller = gate.admit(headers, route.operation());
    if (draining && !route.operation().isOpen()) {
      throw new Refusal(Fault.UNAVAILABLE, "the server is stopping: ask another, or later");
    }
    try (Gate.Place _ = gate.place(exchange.caller, route.operation())) {
      Call call =
          new Call(
              exchange.request,
              exchange.response,
              exchange.id,
              exchange.caller,
              match.segments(),
              exchange.body,
              departures,
              exchange.last,
              log);
      if (route.body().isEmpty()) {
        patience.answering(exchange.request.getConnectionMetaData().getConnection());
      }
      route.handler().handle(call);
    }
  }

  /// The path in the one spelling that all its spellings stand for (RFC 3986, 6.2.2); a slash in a
  /// name stays encoded.
  private static String path(Request request) {
    @Nullable String path = request.getHttpURI().getCanonicalPath();
    return path == null ? String.valueOf(request.getHttpURI().getPath()) : path;
  }

  /// Answers what Jetty refuses by itself, before any handler: what is no HTTP, or too much of it.
  /// Jetty may ask on the thread that serves all connections: nothing here waits.
  static boolean refuseMalformed(Request request, Response response, Callback callback) {
    int status = response.getStatus();
    Refusal refusal = malformed(status, request.getAttribute(ErrorHandler.ERROR_MESSAGE));
    try {
      Call.sendLater(response, Math.max(400, status), Refusal.SHAPE, refusal, callback);
    } catch (IOException e) {
      callback.failed(e);
    }
    return true;
  }

  private static Refusal malformed(int status, @Nullable Object why) {
    boolean said = why != null && !why.equals(HttpStatus.getMessage(status));
    return switch (status) {
      case HttpStatus.URI_TOO_LONG_414, HttpStatus.REQUEST_HEADER_FIELDS_TOO_LARGE_431 ->
          new Refusal(Fault.HEAD_TOO_LARGE, "the path or the headers of the request are too large");
      case HttpStatus.EXPECTATION_FAILED_417 ->
          new Refusal(Fault.MALFORMED, "this server knows the expectation '100-continue' only");
      case HttpStatus.UPGRADE_REQUIRED_426, HttpStatus.HTTP_VERSION_NOT_SUPPORTED_505 ->
          new Refusal(
              Fault.MALFORMED, "this server speaks HTTP/1.1 and HTTP/1.0, and no other version");
      default ->
          status >= 400 && status < 500
              ? new Refusal(Fault.MALFORMED, Fault.MALFORMED.meaning() + (said ? ": " + why : ""))
              : new Refusal(Fault.INTERNAL, Fault.INTERNAL.meaning());
    };
  }

  private static void allow(Response response, String origin) {
    response.getHeaders().put("Access-Control-Allow-Origin", origin);
    response.getHeaders().put("Access-Control-Expose-Headers", EXPOSED);
    response.getHeaders().put(HttpHeader.VARY, "Origin");
  }

  private static void preflight(Exchange exchange) throws IOException {
    HttpFields.Mutable headers = exchange.response.getHeaders();
    @Nullable String wanted = exchange.request.getHeaders().get("Access-Control-Request-Headers");
    headers.put("Access-Control-Allow-Methods", "GET, POST, DELETE");
    headers.put("Access-Control-Allow-Headers", wanted == null ? "authorization" : wanted);
    headers.put("Access-Control-Max-Age", "600");
    exchange.response.setStatus(204);
    exchange.last.keep(ByteBuffer.allocate(0));
  }

  private void refuse(Exchange exchange, Refusal refusal) throws IOException {
    if (exchange.response.isCommitted()) {
      throw new IOException("an answer was begun and cannot be completed", refusal);
    }
    Response response = exchange.response;
    response.getHeaders().remove(HttpHeader.CONTENT_TYPE);
    if (refusal.fault().mayPass()) {
      response
          .getHeaders()
          .put(HttpHeader.RETRY_AFTER, String.valueOf(refusal.retryAfter().toSeconds()));
    } else {
      response.getHeaders().put(SHOULD_RETRY_HEADER, "false");
    }
    if (refusal.fault() == Fault.METHOD_NOT_ALLOWED) {
      response.getHeaders().put(HttpHeader.ALLOW, exchange.methods);
    }
    if (refusal.fault() == Fault.INVALID_API_KEY) {
      response.getHeaders().put(HttpHeader.WWW_AUTHENTICATE, "Bearer");
    }
    boolean unread = refusal.fault() == Fault.TOO_LARGE || refusal.fault() == Fault.REQUEST_TIMEOUT;
    if (draining || unread) {
      response.getHeaders().put(HttpHeader.CONNECTION, "close");
    }
    Call.send(response, refusal.fault().status(), exchange.errors, refusal);
  }
}
