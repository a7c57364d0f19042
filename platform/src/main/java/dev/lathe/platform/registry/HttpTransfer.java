package dev.lathe.platform.registry;

import dev.lathe.compute.LatheException;
import dev.lathe.platform.registry.SourceSettings.Patience;
import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.UnresolvedAddressException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Optional;

/// Brings files over HTTP: goes on from a partial file, tries again with growing pauses, follows
/// redirects without taking the token to another host, gives up on a stalled transfer, and hands
/// over a file only when its length and hash are the ones that were announced.
final class HttpTransfer implements AutoCloseable {
  private static final int BUFFER_BYTES = 1 << 18;
  private static final int MAX_REDIRECTS = 10;
  private static final int MAX_SMALL_BYTES = 64 << 20;
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(60);

  /// What a hub means by a status that is not success.
  interface Refusals {
    LatheException of(HttpResponse<?> response);
  }

  /// Where requests of one hub go and how its refusals read.
  record Hub(URI endpoint, Optional<String> token, Refusals refusals) {}

  private final Hub hub;
  private final Patience patience;
  private final HttpClient client;

  HttpTransfer(Hub hub, Patience patience) {
    this.hub = hub;
    this.patience = patience;
    this.client =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(patience.connect())
            .followRedirects(HttpClient.Redirect.NEVER)
            .build();
  }

  @Override
  public void close() {
    client.shutdownNow();
  }

  /// A reply that is small enough to be held; its headers with it.
  record Reply(byte[] body, HttpResponse<?> response) {}

  /// Reads a small resource whole. A hub that cannot be connected to is not tried twice.
  Reply get(URI uri) {
    for (int failures = 0; ; ) {
      try {
        return getOnce(uri);
      } catch (ConnectException | HttpConnectTimeoutException e) {
        throw unreachable(e);
      } catch (IOException e) {
        failures = pauseOrGiveUp(failures + 1, uri, e);
      }
    }
  }

  private Reply getOnce(URI uri) throws IOException {
    HttpResponse<InputStream> response = open(uri, 0);
    try (StallGuard body = new StallGuard(response.body(), patience.stall())) {
      requireSuccess(response);
      byte[] bytes = body.readNBytes(MAX_SMALL_BYTES + 1);
      if (bytes.length > MAX_SMALL_BYTES) {
        throw LatheException.environment(
            "'%s' answered with more than %s".formatted(uri, Sizes.text(MAX_SMALL_BYTES)),
            "check the endpoint",
            null);
      }
      return new Reply(bytes, response);
    }
  }

  /// Brings `file` to `target`, which is complete, checked and forced to the disk afterwards.
  void download(URI uri, RemoteFile file, Path target, Meter meter) throws IOException {
    Path part = target.resolveSibling(target.getFileName() + ".part");
    boolean resumed = Files.exists(part);
    Optional<RemoteFile.Digest> expected = fill(uri, file, part, meter);
    Optional<String> problem = problem(file, part, expected);
    if (problem.isPresent() && resumed) {
      meter.note("%s; starting this file again".formatted(problem.get()));
      Files.delete(part);
      expected = fill(uri, file, part, meter);
      problem = problem(file, part, expected);
    }
    if (problem.isPresent()) {
      Files.delete(part);
      throw LatheException.environment(
          problem.get(), "pull again; if it stays so, the source is damaged", null);
    }
    Disk.force(part);
    Disk.rename(part, target);
  }

  private static Optional<String> problem(
      RemoteFile file, Path part, Optional<RemoteFile.Digest> expected) throws IOException {
    long bytes = Files.size(part);
    if (file.bytes() >= 0 && bytes != file.bytes()) {
      return Optional.of(
          "'%s' came with %d bytes, announced were %d".formatted(file.path(), bytes, file.bytes()));
    }
    if (expected.isEmpty()) {
      return Optional.empty();
    }
    String found = Hashes.of(part, expected.get().kind());
    return found.equals(expected.get().hex())
        ? Optional.empty()
        : Optional.of(
            "'%s' came with hash %s, announced was %s"
                .formatted(file.path(), found, expected.get().hex()));
  }

  /// Appends to the partial file until it is as long as announced; says what it must hash to.
  private Optional<RemoteFile.Digest> fill(URI uri, RemoteFile file, Path part, Meter meter)
      throws IOException {
    Optional<RemoteFile.Digest> expected = file.expected();
    if (expected.isEmpty()) {
      Files.deleteIfExists(part); // nothing would show that an old half fits a new one
    }
    int failures = 0;
    while (true) {
      long before = sizeOf(part);
      if (before > 0 && before == file.bytes()) {
        return expected;
      }
      try {
        HttpResponse<?> response = append(uri, file, part, meter);
        return expected.isPresent() ? expected : announced(response);
      } catch (IOException e) {
        Disk.explain(e, Disk.parent(part));
        failures = sizeOf(part) > before ? 1 : failures + 1;
        if (expected.isEmpty()) {
          Files.deleteIfExists(part);
        }
        failures = pauseOrGiveUp(failures, uri, e);
      }
    }
  }

  private static long sizeOf(Path part) throws IOException {
    return Files.exists(part) ? Files.size(part) : 0;
  }

  private HttpResponse<?> append(URI uri, RemoteFile file, Path part, Meter meter)
      throws IOException {
    long have = sizeOf(part);
    if (file.bytes() >= 0 && have > file.bytes()) {
      Files.delete(part);
      have = 0;
    }
    HttpResponse<InputStream> response = open(uri, have);
    try (StallGuard body = new StallGuard(response.body(), patience.stall())) {
      if (response.statusCode() == 416) {
        Files.deleteIfExists(part);
        throw new IOException("the hub has no byte %d of it".formatted(have));
      }
      requireSuccess(response);
      long from = response.statusCode() == 206 ? start(response, have) : 0;
      copy(body, file, part, from, meter);
    }
    return response;
  }

  private static long start(HttpResponse<?> response, long wanted) throws IOException {
    String range = response.headers().firstValue("Content-Range").orElse("");
    if (!range.startsWith("bytes " + wanted + "-")) {
      throw new IOException("asked for bytes from %d, got '%s'".formatted(wanted, range));
    }
    return wanted;
  }

  private static void copy(InputStream body, RemoteFile file, Path part, long from, Meter meter)
      throws IOException {
    byte[] buffer = new byte[BUFFER_BYTES];
    try (FileChannel out =
        FileChannel.open(part, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      out.truncate(from).position(from);
      long at = from;
      for (int read = body.read(buffer); read >= 0; read = body.read(buffer)) {
        Disk.writeAll(out, ByteBuffer.wrap(buffer, 0, read));
        at += read;
        meter.at(at);
        if (file.bytes() >= 0 && at > file.bytes()) {
          return; // the length check says what is wrong
        }
      }
      if (at < file.bytes()) {
        throw new IOException("the connection ended %d bytes early".formatted(file.bytes() - at));
      }
    }
  }

  /// The hash that the hub names in a header, where the listing named none.
  private static Optional<RemoteFile.Digest> announced(HttpResponse<?> response) {
    String tag =
        response
            .headers()
            .firstValue("X-Linked-Etag")
            .or(() -> response.headers().firstValue("ETag"))
            .orElse("")
            .replace("W/", "")
            .replace("\"", "");
    if (tag.matches("[0-9a-f]{64}")) {
      return Optional.of(new RemoteFile.Digest(RemoteFile.Digest.Kind.SHA_256, tag));
    }
    return Optional.empty();
  }

  private void requireSuccess(HttpResponse<?> response) throws IOException {
    int status = response.statusCode();
    if (status == 429 || status >= 500) {
      throw new BusyException(status, response.headers().firstValue("Retry-After"));
    }
    if (status != 200 && status != 206) {
      throw hub.refusals().of(response);
    }
  }

  /// The hub asks for patience.
  private static final class BusyException extends IOException {
    private static final long serialVersionUID = 1L;
    private final long retryAfterSeconds;

    BusyException(int status, Optional<String> retryAfter) {
      super("HTTP " + status);
      this.retryAfterSeconds =
          retryAfter.filter(text -> text.matches("[0-9]{1,6}")).map(Long::parseLong).orElse(0L);
    }
  }

  private int pauseOrGiveUp(int failures, URI uri, IOException e) {
    if (failures >= patience.attempts()) {
      throw LatheException.environment(
          "'%s' failed %d times in a row, at last with: %s".formatted(uri, failures, reason(e)),
          "pull again later: it goes on from where it was",
          e);
    }
    Duration pause = patience.firstPause().multipliedBy(1L << Math.min(failures - 1, 10));
    if (e instanceof BusyException busy && busy.retryAfterSeconds > pause.toSeconds()) {
      pause = Duration.ofSeconds(busy.retryAfterSeconds);
    }
    try {
      Thread.sleep(pause.compareTo(LONGEST_PAUSE) > 0 ? LONGEST_PAUSE : pause);
    } catch (InterruptedException interrupted) {
      throw interrupted();
    }
    return failures;
  }

  private HttpResponse<InputStream> open(URI uri, long from) throws IOException {
    URI at = uri;
    for (int hops = 0; hops <= MAX_REDIRECTS; hops++) {
      HttpResponse<InputStream> response = send(at, from);
      int status = response.statusCode();
      Optional<String> location = response.headers().firstValue("Location");
      if (status < 300 || status >= 400 || location.isEmpty()) {
        return response;
      }
      response.body().close();
      at = redirected(at, location.get());
    }
    throw LatheException.environment(
        "'%s' redirects more than %d times".formatted(uri, MAX_REDIRECTS),
        "check the endpoint",
        null);
  }

  private static URI redirected(URI from, String location) {
    URI to = from.resolve(location);
    boolean downgraded = from.getScheme().equals("https") && !"https".equals(to.getScheme());
    if (downgraded || to.getHost() == null) {
      throw LatheException.environment(
          "'%s' redirects to '%s', which is not https".formatted(from, to),
          "check the endpoint",
          null);
    }
    return to;
  }

  private HttpResponse<InputStream> send(URI uri, long from) throws IOException {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(uri).timeout(patience.stall()).header("User-Agent", "lathe");
    if (from > 0) {
      request.header("Range", "bytes=" + from + "-");
    }
    if (isOwn(uri)) {
      hub.token().ifPresent(token -> request.header("Authorization", "Bearer " + token));
    }
    try {
      return client.send(request.build(), BodyHandlers.ofInputStream());
    } catch (InterruptedException e) {
      throw interrupted();
    }
  }

  /// Whether the token may be sent there.
  private boolean isOwn(URI uri) {
    return uri.getScheme().equals(hub.endpoint().getScheme())
        && uri.getAuthority().equals(hub.endpoint().getAuthority());
  }

  private static LatheException interrupted() {
    Thread.currentThread().interrupt();
    return LatheException.environment(
        "the pull was interrupted", "pull again: it goes on from where it was", null);
  }

  private LatheException unreachable(IOException e) {
    return LatheException.environment(
        "'%s' cannot be reached (%s)".formatted(hub.endpoint(), reason(e)),
        "check the network, or name a mirror",
        e);
  }

  private static String reason(IOException e) {
    if (e instanceof HttpConnectTimeoutException) {
      return "no connection in time";
    }
    for (Throwable at = e; at != null; at = at.getCause()) {
      if (at instanceof UnresolvedAddressException) {
        return "unknown host";
      }
    }
    return e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
  }
}
