package dev.lathe.app.http;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.databind.JsonNode;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.StrictJson;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.util.thread.Scheduler;
import org.jspecify.annotations.Nullable;

/// The body of a request, read once within the limits of size and time.
final class RequestBody {
  /// JSON, and what curl, browsers' simple requests and careless clients call it; web pages of
  /// other origins are turned away by their origin, not by this.
  private static final Set<String> ACCEPTED =
      Set.of("", "application/json", "text/plain", "application/x-www-form-urlencoded");

  private static final int PART = 16 << 10;

  /// How much of a body that nobody wanted is still taken.
  private static final long MOST_DRAINED = 256L << 20;

  private final Request request;
  private final ServerSettings.Limits limits;
  private final JsonFactory json;
  private final Scheduler scheduler;
  private volatile boolean timedOut;
  private boolean begun;

  /// @param json parsers within the limits of [StrictJson]
  RequestBody(
      Request request, ServerSettings.Limits limits, JsonFactory json, Scheduler scheduler) {
    this.request = request;
    this.limits = limits;
    this.json = json;
    this.scheduler = scheduler;
  }

  /// @throws Refusal when it is too large, too slow or no JSON object
  JsonNode json() throws IOException {
    requireJson();
    byte[] bytes = bytes();
    try {
      return StrictJson.object("the body", bytes, json);
    } catch (LatheException e) {
      throw new Refusal(Fault.INVALID_JSON, String.valueOf(e.getMessage()));
    }
  }

  private void requireJson() {
    String type = header(HttpHeader.CONTENT_TYPE);
    String base = type.split(";", 2)[0].strip().toLowerCase(Locale.ROOT);
    if (!ACCEPTED.contains(base) && !base.endsWith("+json")) {
      throw new Refusal(Fault.MEDIA_TYPE, "the body is '" + type + "', wanted is application/json");
    }
    String encoding = header(HttpHeader.CONTENT_ENCODING);
    if (!encoding.isEmpty() && !encoding.equalsIgnoreCase("identity")) {
      throw new Refusal(
          Fault.MEDIA_TYPE, "the body is encoded as '" + encoding + "': send it as it is");
    }
  }

  private String header(HttpHeader name) {
    @Nullable String value = request.getHeaders().get(name);
    return value == null ? "" : value.strip();
  }

  private byte[] bytes() throws IOException {
    if (request.getLength() > limits.bodyBytes()) {
      throw tooLarge();
    }
    Scheduler.Task timer =
        scheduler.schedule(
            () -> {
              timedOut = true;
              request.fail(new TimeoutException("the body came too slowly"));
            },
            limits.toSend().toMillis(),
            TimeUnit.MILLISECONDS);
    try {
      return all(Content.Source.asInputStream(request));
    } catch (IOException e) {
      if (timedOut || e.getCause() instanceof TimeoutException) {
        throw new Refusal(
            Fault.REQUEST_TIMEOUT,
            "the body was not complete after " + limits.toSend().toSeconds() + " s");
      }
      throw e;
    } finally {
      timer.cancel();
    }
  }

  private byte[] all(InputStream in) throws IOException {
    begun = true;
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(PART);
    byte[] part = new byte[PART];
    for (int count = in.read(part); count >= 0; count = in.read(part)) {
      if (bytes.size() + count > limits.bodyBytes()) {
        throw tooLarge();
      }
      bytes.write(part, 0, count);
    }
    return bytes.toByteArray();
  }

  private Refusal tooLarge() {
    return new Refusal(
        Fault.TOO_LARGE,
        "the body has more than the %,d bytes that this server reads"
            .formatted(limits.bodyBytes()));
  }

  /// Reads what is left and keeps nothing, once the answer is sent: a client that only reads after
  /// it has written gets its answer, and the connection can take its next request. Gives up on
  /// those that go on for too long, and on those that wait to be asked for their body.
  void drain() {
    if (!begun && request.getHeaders().contains(HttpHeader.EXPECT)) {
      return;
    }
    long most = MOST_DRAINED;
    long until = System.nanoTime() + limits.toSend().toNanos();
    try {
      while (most > 0 && System.nanoTime() < until) {
        Content.Chunk chunk = request.read();
        if (chunk == null) {
          waitForMore(until);
        } else if (Content.Chunk.isFailure(chunk) || chunk.isLast()) {
          chunk.release();
          return;
        } else {
          most -= chunk.remaining();
          chunk.release();
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void waitForMore(long until) throws InterruptedException {
    CountDownLatch more = new CountDownLatch(1);
    request.demand(more::countDown);
    if (!more.await(until - System.nanoTime(), TimeUnit.NANOSECONDS)) {
      request.fail(new TimeoutException("the rest of the body came too slowly"));
    }
  }
}
