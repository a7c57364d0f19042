package dev.lathe.app.http;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import org.eclipse.jetty.server.Response;

/// An answer that is sent event by event. Events gather until [#flush], or until they are many, and
/// are sent at once; the memory for them is used again each time.
public final class EventStream {
  private static final int MOST_GATHERED = 64 << 10;
  private static final byte[] DATA = ascii("data: ");
  private static final byte[] EVENT = ascii("event: ");
  private static final byte[] NEW_LINE = ascii("\n");
  private static final byte[] TWO_LINES = ascii("\n\n");
  private static final byte[] DONE = ascii("data: [DONE]\n\n");

  /// How events are told apart.
  public enum Form {
    /// Server-sent events, as browsers know them.
    EVENTS("text/event-stream; charset=utf-8"),
    /// One JSON object a line.
    LINES("application/x-ndjson");

    private final String mediaType;

    Form(String mediaType) {
      this.mediaType = mediaType;
    }

    public String mediaType() {
      return mediaType;
    }
  }

  /// Bytes whose array can be sent as it is.
  private static final class Buffer extends ByteArrayOutputStream {
    Buffer() {
      super(1024);
    }

    ByteBuffer content() {
      return ByteBuffer.wrap(buf, 0, count);
    }
  }

  private final Form form;
  private final Response response;
  private final LastBytes last;
  private final Buffer buffer = new Buffer();
  private final JsonGenerator json;

  EventStream(Form form, Response response, LastBytes last) {
    this.form = form;
    this.response = response;
    this.last = last;
    this.json = Json.generator(buffer);
  }

  private static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  /// Adds an event.
  ///
  /// @throws IOException as [#flush] does
  public <T> void add(Shape<T> shape, T value) throws IOException {
    if (form == Form.EVENTS) {
      buffer.write(DATA);
    }
    write(shape, value);
  }

  /// Adds a server-sent event with a name.
  public <T> void add(String name, Shape<T> shape, T value) throws IOException {
    buffer.write(EVENT);
    buffer.write(ascii(name));
    buffer.write(NEW_LINE);
    buffer.write(DATA);
    write(shape, value);
  }

  private <T> void write(Shape<T> shape, T value) throws IOException {
    shape.write(json, value);
    json.flush();
    buffer.write(form == Form.EVENTS ? TWO_LINES : NEW_LINE);
    if (buffer.size() > MOST_GATHERED) {
      flush();
    }
  }

  /// Adds `[DONE]`, with which OpenAI's streams end.
  public void addDone() throws IOException {
    buffer.write(DONE);
  }

  /// Sends what was added.
  ///
  /// @throws IOException when the client is gone, or took nothing for too long
  public void flush() throws IOException {
    Sending.all(response, false, buffer.content());
    buffer.reset();
  }

  /// Ends the answer with what was added, which leaves when the route's handler has returned.
  /// Nothing can be added any more.
  public void end() throws IOException {
    last.keep(buffer.content());
  }
}
