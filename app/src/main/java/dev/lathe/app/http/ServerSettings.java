package dev.lathe.app.http;

import dev.lathe.compute.LatheException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/// How a server listens and what it puts up with.
///
/// @param host address to bind
/// @param port `[0, 65535]`; 0 takes a free one
/// @param tls certificate and key, or none for plain HTTP
/// @param origins web pages of other origins that may use it, as `https://chat.example`; `*` stands
///   for all. Pages without an origin, which browsers call `null`, cannot be named, because pages
///   of any site can be without
/// @param limits what a client may ask for
public record ServerSettings(
    String host, int port, Optional<Tls> tls, Set<String> origins, Limits limits) {
  private static final Pattern ORIGIN =
      Pattern.compile("\\*|(?!https://.*:443$|http://.*:80$)[a-z][a-z0-9+.-]*://[^/\\s*?#@A-Z]+");

  /// PEM files.
  ///
  /// @param certificate the server's certificate first, then those that sign it
  /// @param key its private key, not encrypted
  public record Tls(Path certificate, Path key) {}

  /// @param bodyBytes largest body of a request
  /// @param allBodiesBytes most of all bodies at once, until their requests are answered, the first
  ///   64 KiB of each not counted
  /// @param jsonTokens most values, names and brackets in a body
  /// @param headerBytes largest head of a request
  /// @param connections most connections at once
  /// @param streamsPerKey most requests of one key at once that generate or embed
  /// @param toSend longest time a client may take to send a request, from its first byte
  /// @param toRead longest time a client may take nothing of an answer that waits for it
  /// @param idle longest time a connection may lie idle between requests
  /// @param drain longest time that running requests get when the server stops
  public record Limits(
      int bodyBytes,
      long allBodiesBytes,
      int jsonTokens,
      int headerBytes,
      int connections,
      int streamsPerKey,
      Duration toSend,
      Duration toRead,
      Duration idle,
      Duration drain) {
    /// 8 MiB, a sixteenth of the heap and at least eight such bodies, 500,000 values, 16 KiB, 4096
    /// connections, 64 streams, 30 s, 30 s, 10 min, 30 s.
    public static final Limits USUAL =
        new Limits(
            8 << 20,
            Math.max(64L << 20, Runtime.getRuntime().maxMemory() / 16),
            500_000,
            16 << 10,
            4096,
            64,
            Duration.ofSeconds(30),
            Duration.ofSeconds(30),
            Duration.ofMinutes(10),
            Duration.ofSeconds(30));
  }

  public ServerSettings {
    origins = Set.copyOf(origins);
    origins.forEach(ServerSettings::requireOrigin);
    if (port < 0 || port > 65_535) {
      throw LatheException.user("port " + port + " is outside [0, 65535]", "choose another");
    }
  }

  private static void requireOrigin(String origin) {
    if (origin.equals("null")) {
      throw LatheException.user(
          "'null' is the origin of files and of sandboxed frames, which any web site can make",
          "serve the page over HTTP and give the address of its server, or * for all pages");
    }
    if (!ORIGIN.matcher(origin).matches()) {
      throw LatheException.user(
          "'" + origin + "' is not an origin as browsers name it",
          "give scheme, host and, where it is not the usual one, port: https://chat.example or"
              + " http://10.0.0.5:3000, in lower case and without a path; * for all pages");
    }
  }
}
