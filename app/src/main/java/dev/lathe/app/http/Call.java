package dev.lathe.app.http;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.JsonNode;
import dev.lathe.platform.access.Caller;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.Fields.Field;

/// One request on its way to its answer. For the thread that handles it.
public final class Call {
  private static final String JSON = "application/json";

  private final Request request;
  private final Response response;
  private final String id;
  private final Caller caller;
  private final Map<String, String> segments;
  private final RequestBody body;
  private final Departures departures;
  private final LastBytes last;
  private final ServerLog log;
  private long arrived = System.nanoTime();

  Call(
      Request request,
      Response response,
      String id,
      Caller caller,
      Map<String, String> segments,
      RequestBody body,
      Departures departures,
      LastBytes last,
      ServerLog log) {
    this.request = request;
    this.response = response;
    this.id = id;
    this.caller = caller;
    this.segments = segments;
    this.body = body;
    this.departures = departures;
    this.last = last;
    this.log = log;
  }

  /// Names the request in answers and logs: the client's `X-Request-Id`, or one of ours.
  public String id() {
    return id;
  }

  public Caller caller() {
    return caller;
  }

  /// What stands in the path where the route has `{name}`.
  public String segment(String name) {
    String segment = segments.get(name);
    if (segment == null) {
      throw new IllegalArgumentException("the route's path has no {" + name + "}");
    }
    return segment;
  }

  /// A parameter of the query.
  public Optional<String> query(String name) {
    return Optional.ofNullable(Request.extractQueryParameters(request).get(name))
        .map(Field::getValue);
  }

  JsonNode json() throws IOException {
    JsonNode json = body.json();
    arrived = System.nanoTime();
    return json;
  }

  /// Time since the request was there as a whole.
  public Duration age() {
    return Duration.ofNanos(System.nanoTime() - arrived);
  }

  /// Sets a header of the answer, before it is sent.
  public void header(String name, String value) {
    response.getHeaders().put(name, value);
  }

  /// Answers with a JSON object. The end of it leaves when the route's handler has returned.
  public <T> void send(Shape<T> shape, T value) throws IOException {
    last.keep(begin(response, 200, JSON, bytes(shape, value)));
  }

  /// Answers at once.
  static <T> void send(Response response, int status, Shape<T> shape, T value) throws IOException {
    Sending.all(response, true, begin(response, status, JSON, bytes(shape, value)));
  }

  /// Answers without waiting: for threads that others wait for.
  static <T> void sendLater(
      Response response, int status, Shape<T> shape, T value, Callback callback)
      throws IOException {
    ByteBuffer content = begin(response, status, JSON, bytes(shape, value));
    response.write(true, content, callback);
  }

  private static <T> byte[] bytes(Shape<T> shape, T value) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(1024);
    try (JsonGenerator out = Json.generator(bytes)) {
      shape.write(out, value);
      out.flush();
      bytes.write('\n');
    }
    return bytes.toByteArray();
  }

  /// Answers with a text. The end of it leaves when the route's handler has returned.
  public void send(String mediaType, String text) throws IOException {
    last.keep(begin(response, 200, mediaType, text.getBytes(StandardCharsets.UTF_8)));
  }

  private static ByteBuffer begin(Response response, int status, String mediaType, byte[] content) {
    response.setStatus(status);
    response.getHeaders().put(HttpHeader.CONTENT_TYPE, mediaType);
    response.getHeaders().put(HttpHeader.CONTENT_LENGTH, content.length);
    return ByteBuffer.wrap(content);
  }

  /// Answers piece by piece.
  public EventStream stream(EventStream.Form form) {
    response.setStatus(200);
    response.getHeaders().put(HttpHeader.CONTENT_TYPE, form.mediaType());
    response.getHeaders().put(HttpHeader.CACHE_CONTROL, "no-cache");
    response.getHeaders().put("X-Accel-Buffering", "no");
    return new EventStream(form, response, last);
  }

  /// Takes note of a refusal that comes when the answer has begun, so that only the route can tell
  /// it: a defect of Lathe is reported.
  public void broke(Refusal refusal) {
    Dispatcher.report(log, id, refusal);
  }

  /// Watches whether the client goes away, from now until the result is closed.
  ///
  /// @param gone runs once, in another thread, as soon as it has
  public Watch watch(Runnable gone) {
    return departures.watch(
        request,
        () -> {
          gone.run();
          log.departed(id);
        });
  }

  /// Work of one call.
  @FunctionalInterface
  public interface Work<T> {
    T get() throws IOException, InterruptedException;
  }

  /// Work that is interrupted when the client goes away.
  ///
  /// @throws IOException when it has gone away
  public <T> T whileThere(Work<T> work) throws IOException, InterruptedException {
    Thread self = Thread.currentThread();
    AtomicBoolean left = new AtomicBoolean();
    try (Watch _ =
        watch(() -> {
          left.set(true);
          self.interrupt();
        })) {
      return work.get();
    } catch (InterruptedException | CancellationException e) {
      if (left.get()) {
        throw new IOException("the client went away", e);
      }
      throw e;
    }
  }

  /// A watch over the client of a call.
  public interface Watch extends AutoCloseable {
    @Override
    void close();
  }
}
