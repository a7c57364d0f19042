package dev.lathe.app.http;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.databind.JsonNode;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.StrictJson;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.eclipse.jetty.http.HttpException;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;
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

  /// What of each body does not count among all that are held: small requests are always read.
  private static final int UNCOUNTED = 64 << 10;

  /// Parts of the time that a client may take.
  private static final int SLICES = 16;

  private final Request request;
  private final ServerSettings.Limits limits;
  private final JsonFactory json;
  private final AtomicLong room;
  private final Runnable complete;
  private final AtomicReference<CountDownLatch> wait = new AtomicReference<>(new CountDownLatch(0));
  private volatile boolean givenUp;
  private boolean begun;
  private boolean timedOut;
  private long patience;
  private long held;

  /// @param json parsers within the limits of [StrictJson]
  /// @param room bytes that all bodies may still take together
  /// @param complete is told when all of it has come
  RequestBody(
      Request request,
      ServerSettings.Limits limits,
      JsonFactory json,
      AtomicLong room,
      Runnable complete) {
    this.request = request;
    this.limits = limits;
    this.json = json;
    this.room = room;
    this.complete = complete;
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
    String transfer = header(HttpHeader.TRANSFER_ENCODING);
    if (!transfer.isEmpty() && !transfer.equalsIgnoreCase("chunked")) {
      throw new Refusal(
          Fault.MEDIA_TYPE,
          "the body is transferred as '" + transfer + "', this server takes 'chunked' only");
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
    begun = true;
    patience = limits.toSend().toNanos();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(PART);
    byte[] part = new byte[PART];
    while (true) {
      Content.Chunk chunk = next();
      try {
        if (Content.Chunk.isFailure(chunk)) {
          throw broken(chunk.getFailure());
        }
        if (bytes.size() + chunk.remaining() > limits.bodyBytes()) {
          throw tooLarge();
        }
        hold(bytes.size() + chunk.remaining());
        while (chunk.hasRemaining()) {
          bytes.write(part, 0, chunk.get(part, 0, PART));
        }
        if (chunk.isLast()) {
          complete.run();
          return bytes.toByteArray();
        }
      } finally {
        chunk.release();
      }
    }
  }

  /// Counts a body of `size` bytes among all that are held.
  private void hold(int size) {
    long more = Math.max(0, size - UNCOUNTED) - held;
    if (more <= 0) {
      return;
    }
    if (room.addAndGet(-more) < 0) {
      room.addAndGet(more);
      throw new Refusal(
          Fault.OVERLOADED,
          "long requests under way already hold the %,d bytes that this server keeps for them; send it again later"
              .formatted(limits.allBodiesBytes()));
    }
    held += more;
  }

  /// Counts it no longer, once the request is answered.
  void release() {
    room.addAndGet(held);
    held = 0;
  }

  private static Refusal broken(Throwable failure) throws IOException {
    if (failure instanceof HttpException malformed) {
      return new Refusal(Fault.MALFORMED, "the body: " + malformed.getReason());
    }
    throw new IOException("the body did not come whole", failure);
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
    if (timedOut || (!begun && request.getHeaders().contains(HttpHeader.EXPECT))) {
      return;
    }
    patience = limits.toSend().toNanos();
    try {
      for (long most = MOST_DRAINED; most > 0; ) {
        Content.Chunk chunk = next();
        most -= chunk.remaining();
        chunk.release();
        if (Content.Chunk.isFailure(chunk) || chunk.isLast()) {
          return;
        }
      }
    } catch (IOException | Refusal e) {
      // the connection ends with this request
    }
  }

  /// Waits for no more of it than has come, because others wait for the connection. For any thread.
  void giveUp() {
    givenUp = true;
    wait.get().countDown();
  }

  /// The next part, waiting for it as long as there is patience.
  ///
  /// @throws Refusal when it did not come
  private Content.Chunk next() throws IOException {
    while (true) {
      Content.Chunk chunk = request.read();
      if (chunk == null && givenUp) {
        throw tooSlow("the body came slowly, and others wait for a connection");
      } else if (chunk == null) {
        waitForMore();
      } else if (!Content.Chunk.isFailure(chunk, false)) {
        return chunk;
      } // else Jetty has lost its patience, which is not what counts
    }
  }

  /// Waits in slices, of which none costs more patience than its length: when this machine stands
  /// still, the client is not to blame.
  private void waitForMore() throws IOException {
    long slice = Math.max(1, limits.toSend().toNanos() / SLICES);
    CountDownLatch more = new CountDownLatch(1);
    wait.set(more);
    if (givenUp) {
      return;
    }
    request.demand(more::countDown);
    try {
      while (patience > 0) {
        long began = System.nanoTime();
        boolean came = more.await(Math.min(slice, patience), TimeUnit.NANOSECONDS);
        patience -= Math.min(slice, System.nanoTime() - began);
        if (came) {
          return;
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while a body came", e);
    }
    throw tooSlow("the body was not complete after " + limits.toSend().toSeconds() + " s");
  }

  private Refusal tooSlow(String message) {
    timedOut = true;
    request.fail(new TimeoutException("the body came too slowly"));
    return new Refusal(Fault.REQUEST_TIMEOUT, message);
  }
}
