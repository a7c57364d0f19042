package dev.lathe.platform.registry;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;

/// A tiny hub on the loopback address that speaks enough of both hubs' interfaces, and misbehaves
/// as it is told.
final class FakeHub implements AutoCloseable {
  static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

  /// What the hub does wrong when a file is asked for.
  enum Fault {
    NONE,
    /// Cuts the connection after half of what is left, the first time each file is asked for.
    CUT,
    /// Cuts the connection after half of what is left, every time.
    ALWAYS_CUT,
    /// Sends half and then nothing, the first time.
    STALL,
    /// Sends half and cuts the connection a while later, the first time.
    CUT_LATE,
    /// Knows no Range requests, and cuts the first one.
    CUT_WITHOUT_RANGE,
    /// Sends other bytes of the same length.
    CORRUPT,
    /// Ends the file early as if it were whole.
    HALF,
    /// Answers 503 twice.
    BUSY
  }

  record Seen(String path, String range, String authorization) {}

  final List<Seen> seen = new CopyOnWriteArrayList<>();
  private final HttpServer server;
  private final Map<String, byte[]> files = new LinkedHashMap<>();
  private final List<String> asked = new CopyOnWriteArrayList<>();
  private volatile Fault fault = Fault.NONE;
  private volatile int refuseStatus;
  private volatile String refuseCode = "";
  private volatile String redirectTo = "";
  private volatile boolean hashesListed = true;
  private volatile int pageSize = 1000;

  FakeHub() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    server.createContext("/", this::serve);
    server.start();
  }

  URI endpoint() {
    return URI.create("http://127.0.0.1:" + server.getAddress().getPort());
  }

  FakeHub with(String path, byte[] content) {
    files.put(path, content);
    return this;
  }

  FakeHub with(String path, String content) {
    return with(path, content.getBytes(StandardCharsets.UTF_8));
  }

  /// A small safetensors model.
  FakeHub withModel() {
    return with("config.json", "{\"model_type\":\"llama\"}")
        .with("model.safetensors", bytes(300_000, 7))
        .with("tokenizer.json", "{}")
        .with("README.md", "---\nlicense: mit\n---\n# A model")
        .with("pytorch_model.bin", bytes(100, 3))
        .with("onnx/model.onnx", bytes(100, 3));
  }

  FakeHub misbehaving(Fault wanted) {
    fault = wanted;
    return this;
  }

  FakeHub refusing(int status, String code) {
    refuseStatus = status;
    refuseCode = code;
    return this;
  }

  FakeHub redirectingTo(URI other) {
    redirectTo = other.toString();
    return this;
  }

  FakeHub withoutHashes() {
    hashesListed = false;
    return this;
  }

  FakeHub inPagesOf(int entries) {
    pageSize = entries;
    return this;
  }

  long requestsOf(String end) {
    return seen.stream().filter(one -> one.path().endsWith(end)).count();
  }

  static byte[] bytes(int count, int seed) {
    byte[] content = new byte[count];
    new java.util.Random(seed).nextBytes(content);
    return content;
  }

  static byte[] gguf(int count) {
    byte[] content = bytes(count, 11);
    System.arraycopy("GGUF".getBytes(StandardCharsets.US_ASCII), 0, content, 0, 4);
    return content;
  }

  @Override
  public void close() {
    server.stop(0);
  }

  private void serve(HttpExchange exchange) throws IOException {
    try (exchange) {
      String path = exchange.getRequestURI().getPath();
      String query = String.valueOf(exchange.getRequestURI().getRawQuery());
      seen.add(
          new Seen(
              path,
              String.valueOf(exchange.getRequestHeaders().getFirst("Range")),
              String.valueOf(exchange.getRequestHeaders().getFirst("Authorization"))));
      if (refuseStatus != 0) {
        exchange.getResponseHeaders().set("X-Error-Code", refuseCode);
        exchange.sendResponseHeaders(refuseStatus, -1);
      } else if (path.startsWith("/api/models/")) {
        huggingFace(exchange, path, query);
      } else if (path.endsWith("/repo/files")) {
        answer(exchange, modelScopeListing());
      } else {
        file(exchange, wantedFile(path, query));
      }
    }
  }

  private static String wantedFile(String path, String query) {
    return path.contains("/resolve/")
        ? path.replaceFirst(".*/resolve/[^/]+/", "")
        : path.startsWith("/cdn/")
            ? path.substring("/cdn/".length())
            : query.replaceFirst(".*FilePath=", "");
  }

  private void huggingFace(HttpExchange exchange, String path, String query) throws IOException {
    if (path.contains("/revision/")) {
      if (!List.of("main", "v2", COMMIT).contains(path.replaceFirst(".*/revision/", ""))) {
        exchange.getResponseHeaders().set("X-Error-Code", "RevisionNotFound");
        exchange.sendResponseHeaders(404, -1);
        return;
      }
      answer(
          exchange,
          "{\"sha\":\"" + COMMIT + "\",\"cardData\":{\"license\":\"apache-2.0\"},\"new\":1}");
      return;
    }
    int from =
        query.contains("cursor=") ? Integer.parseInt(query.replaceFirst(".*cursor=", "")) : 0;
    ArrayNode all = huggingFaceListing();
    ArrayNode page = new JsonMapper().createArrayNode();
    for (int i = from; i < Math.min(all.size(), from + pageSize); i++) {
      page.add(all.get(i));
    }
    if (from + pageSize < all.size()) {
      String next = "<http://elsewhere.test" + path + "?cursor=" + (from + pageSize) + ">";
      exchange.getResponseHeaders().set("Link", next + "; rel=\"next\"");
    }
    answer(exchange, page.toString());
  }

  private ArrayNode huggingFaceListing() {
    ArrayNode list = new JsonMapper().createArrayNode();
    list.addObject().put("type", "directory").put("path", "onnx");
    files.forEach((path, content) -> {
      ObjectNode entry = list.addObject().put("type", "file").put("path", path);
      entry.put("size", content.length);
      if (hashesListed && path.matches(".*(safetensors|gguf|bin)")) {
        entry.put("oid", "pointer");
        entry.putObject("lfs").put("oid", sha256(content)).put("size", content.length);
      } else if (hashesListed) {
        entry.put("oid", gitBlob(content));
      }
    });
    return list;
  }

  private String modelScopeListing() {
    ObjectNode root = new JsonMapper().createObjectNode().put("Code", 200);
    ArrayNode list = root.putObject("Data").putArray("Files");
    files.forEach((path, content) ->
        list.addObject()
            .put("Type", "blob")
            .put("Path", path)
            .put("Size", content.length)
            .put("Sha256", sha256(content)));
    return root.toString();
  }

  private static void answer(HttpExchange exchange, String json) throws IOException {
    byte[] body = json.getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(200, body.length);
    exchange.getResponseBody().write(body);
  }

  private void file(HttpExchange exchange, String path) throws IOException {
    byte[] content = files.get(path);
    if (content == null) {
      exchange.getResponseHeaders().set("X-Error-Code", "EntryNotFound");
      exchange.sendResponseHeaders(404, -1);
      return;
    }
    if (!redirectTo.isEmpty()) {
      exchange.getResponseHeaders().set("Location", redirectTo + "/cdn/" + path);
      exchange.sendResponseHeaders(302, -1);
      return;
    }
    asked.add(path);
    long times = asked.stream().filter(path::equals).count();
    if (fault == Fault.BUSY && times <= 2) {
      exchange.sendResponseHeaders(503, -1);
      return;
    }
    int from = from(exchange);
    byte[] rest = Arrays.copyOfRange(content, from, content.length);
    if (fault == Fault.CORRUPT) {
      rest[rest.length - 1] ^= 1;
    }
    int length = fault == Fault.HALF ? rest.length / 2 : rest.length;
    if (from > 0) {
      exchange
          .getResponseHeaders()
          .set(
              "Content-Range",
              "bytes %d-%d/%d".formatted(from, content.length - 1, content.length));
    }
    exchange.sendResponseHeaders(from > 0 ? 206 : 200, length);
    send(exchange.getResponseBody(), rest, length, times);
  }

  private int from(HttpExchange exchange) {
    String range = exchange.getRequestHeaders().getFirst("Range");
    return range == null || fault == Fault.CUT_WITHOUT_RANGE
        ? 0
        : Integer.parseInt(range.replaceAll("bytes=|-", ""));
  }

  private void send(OutputStream out, byte[] content, int length, long times) throws IOException {
    boolean cut =
        fault == Fault.ALWAYS_CUT
            || (times == 1 && (fault == Fault.CUT || fault == Fault.CUT_WITHOUT_RANGE));
    if (cut) {
      out.write(content, 0, length / 2);
      out.flush();
      throw new IOException("cut");
    }
    if (times == 1 && (fault == Fault.STALL || fault == Fault.CUT_LATE)) {
      out.write(content, 0, length / 2);
      out.flush();
      pause(fault == Fault.STALL ? 5_000 : 500);
      throw new IOException("stalled long enough");
    }
    out.write(content, 0, length);
  }

  private static void pause(long millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  static String sha256(byte[] content) {
    return digest("SHA-256", new byte[0], content);
  }

  static String gitBlob(byte[] content) {
    byte[] head = ("blob " + content.length + "\0").getBytes(StandardCharsets.US_ASCII);
    return digest("SHA-1", head, content);
  }

  private static String digest(String algorithm, byte[]... parts) {
    try {
      MessageDigest digest = MessageDigest.getInstance(algorithm);
      new ArrayList<>(Arrays.asList(parts)).forEach(digest::update);
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
