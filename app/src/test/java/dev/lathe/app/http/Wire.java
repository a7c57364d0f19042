package dev.lathe.app.http;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/// A connection on which a test writes and reads what it likes.
public final class Wire implements AutoCloseable {
  private final Socket socket;
  private final InputStream in;
  private final OutputStream out;

  public Wire(URI server) throws IOException {
    socket = new Socket(server.getHost(), server.getPort());
    socket.setSoTimeout(180_000);
    in = new BufferedInputStream(socket.getInputStream());
    out = socket.getOutputStream();
  }

  public Socket socket() {
    return socket;
  }

  public Wire write(String text) throws IOException {
    return write(text.getBytes(StandardCharsets.UTF_8));
  }

  public Wire write(byte[] bytes) throws IOException {
    out.write(bytes);
    out.flush();
    return this;
  }

  /// A head of these lines.
  public Wire lines(String... lines) throws IOException {
    return write(String.join("\r\n", lines) + "\r\n\r\n");
  }

  /// A POST with a body, complete.
  public Wire post(String path, byte[] body, String... headers) throws IOException {
    StringBuilder head = new StringBuilder("POST " + path + " HTTP/1.1\r\nHost: localhost\r\n");
    for (String header : headers) {
      head.append(header).append("\r\n");
    }
    head.append("Content-Length: ").append(body.length).append("\r\n\r\n");
    return write(head.toString()).write(body);
  }

  public Wire post(String path, String body, String... headers) throws IOException {
    return post(path, body.getBytes(StandardCharsets.UTF_8), headers);
  }

  public Wire get(String path, String... headers) throws IOException {
    StringBuilder head = new StringBuilder("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n");
    for (String header : headers) {
      head.append(header).append("\r\n");
    }
    return write(head + "\r\n");
  }

  /// An answer.
  public record Answer(int status, String head, String body) {
    public String header(String name) {
      for (String line : head.split("\r\n")) {
        if (line.regionMatches(true, 0, name + ":", 0, name.length() + 1)) {
          return line.substring(name.length() + 1).strip();
        }
      }
      return "";
    }
  }

  /// The next answer, whole.
  public Answer read() throws IOException {
    String head = until("\r\n\r\n");
    Answer answer = new Answer(Integer.parseInt(head.split(" ")[1]), head, "");
    String length = answer.header("Content-Length");
    String body =
        answer.header("Transfer-Encoding").equals("chunked")
            ? chunks()
            : new String(
                in.readNBytes(length.isEmpty() ? 0 : Integer.parseInt(length)),
                StandardCharsets.UTF_8);
    return new Answer(answer.status, head, body);
  }

  private String chunks() throws IOException {
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    while (true) {
      int size = Integer.parseInt(until("\r\n").strip(), 16);
      body.write(in.readNBytes(size));
      until("\r\n");
      if (size == 0) {
        return body.toString(StandardCharsets.UTF_8);
      }
    }
  }

  /// Text up to and with an end.
  public String until(String end) throws IOException {
    byte[] last = end.getBytes(StandardCharsets.UTF_8);
    byte[] text = new byte[1024];
    for (int length = 0; ; length++) {
      if (length >= last.length
          && Arrays.equals(text, length - last.length, length, last, 0, last.length)) {
        return new String(text, 0, length, StandardCharsets.UTF_8);
      }
      int next = in.read();
      if (next < 0) {
        throw new IOException(
            "the connection ended after '"
                + new String(text, 0, length, StandardCharsets.UTF_8)
                + "'");
      }
      if (length == text.length) {
        text = Arrays.copyOf(text, 2 * length);
      }
      text[length] = (byte) next;
    }
  }

  /// Whether the server has ended the connection; waits for it.
  public boolean isEnded() throws IOException {
    try {
      return in.read() < 0;
    } catch (java.net.SocketException reset) {
      return true;
    }
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
