package dev.lathe.platform.access;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.StrictJson;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/// The API keys of a server, in one file. Of a key's secret text the file holds only an
/// HMAC-SHA-256 under a secret of the server, which lies beside it; whoever reads one of the two
/// files learns no key. Any number of threads and processes may use the same file: changes are made
/// one at a time and whole, and take effect with the next request.
///
/// A key's text is `sk-lathe-ID-SECRET`: eight hexadecimal digits and 43 letters of base64url, 256
/// random bits.
///
/// The file, mode 600: `{"format": 1, "keys": [{"id", "name", "scopes": […], "created", "expires",
/// "revoked", "hmac"}]}`, times as ISO 8601 in UTC, `expires` and `revoked` only where they apply,
/// `hmac` 64 hexadecimal digits. Beside it `FILE.secret`, mode 600, 32 random bytes.
public final class ApiKeys {
  private static final int FORMAT = 1;
  private static final long MOST_BYTES = 16L << 20;
  private static final int SECRET_BYTES = 32;
  private static final Pattern TEXT = Pattern.compile("sk-lathe-([0-9a-f]{8})-([A-Za-z0-9_-]{43})");
  private static final Pattern NAME = Pattern.compile("[\\p{L}\\p{N} ._@:/+-]{1,80}");

  private final Path file;
  private final Path secretFile;
  private final Clock clock;
  private volatile Snapshot snapshot = Snapshot.NONE;

  /// @param text the whole key; it cannot be had again
  public record Created(ApiKey key, String text) {}

  private record Kept(ApiKey key, byte[] hmac) {}

  /// What was read, and of which file.
  private record Snapshot(Object stamp, List<Kept> keys, byte[] secret) {
    static final Snapshot NONE = new Snapshot("", List.of(), new byte[0]);
  }

  private ApiKeys(Path file, Clock clock) {
    this.file = file;
    this.secretFile = file.resolveSibling(file.getFileName() + ".secret");
    this.clock = clock;
  }

  /// The keys in a file, which need not be there yet.
  public static ApiKeys of(Path file, Clock clock) {
    return new ApiKeys(file, clock);
  }

  /// Whether keys are kept at all: from the first key on, requests need one, even when all are
  /// revoked.
  public boolean exist() {
    return Files.exists(file);
  }

  /// Makes a key.
  ///
  /// @throws LatheException when the name is empty or taken by a key that is not revoked, or the
  ///   expiry is past
  public Created create(String name, Set<Operation> scopes, Optional<Instant> expires) {
    Instant now = clock.instant();
    if (!NAME.matcher(name).matches()) {
      throw LatheException.user(
          "'" + name + "' cannot be the name of a key",
          "use 1 to 80 letters, digits, blanks and . _ @ : / + -");
    }
    if (expires.isPresent() && !expires.get().isAfter(now)) {
      throw LatheException.user(
          "the key would have expired at " + expires.get(), "choose a time to come");
    }
    if (scopes.isEmpty()) {
      throw LatheException.user("a key without scopes opens nothing", "give at least one scope");
    }
    return changing(() -> {
      byte[] secret = secretOrNew();
      List<Kept> keys = new ArrayList<>(read().keys());
      if (keys.stream().anyMatch(kept -> kept.key().name().equals(name) && isLive(kept.key()))) {
        throw LatheException.user(
            "there is a key '" + name + "' already", "choose another name, or revoke that key");
      }
      Created created = fresh(name, scopes, now, expires, keys);
      keys.add(new Kept(created.key(), hmac(secret, created.text())));
      write(keys);
      return created;
    });
  }

  private static boolean isLive(ApiKey key) {
    return key.revoked().isEmpty();
  }

  private static Created fresh(
      String name, Set<Operation> scopes, Instant now, Optional<Instant> expires, List<Kept> keys) {
    SecureRandom random = new SecureRandom();
    while (true) {
      String id = HexFormat.of().formatHex(bytes(random, 4));
      if (keys.stream().noneMatch(kept -> kept.key().id().equals(id))) {
        String secret =
            Base64.getUrlEncoder().withoutPadding().encodeToString(bytes(random, SECRET_BYTES));
        ApiKey key = new ApiKey(id, name, scopes, now, expires, Optional.empty());
        return new Created(key, "sk-lathe-" + id + "-" + secret);
      }
    }
  }

  private static byte[] bytes(SecureRandom random, int count) {
    byte[] bytes = new byte[count];
    random.nextBytes(bytes);
    return bytes;
  }

  /// All keys, the oldest first.
  public List<ApiKey> list() {
    return current().keys().stream().map(Kept::key).toList();
  }

  /// Ends a key.
  ///
  /// @param nameOrId a key's id, or the name of one that is not revoked
  /// @throws LatheException when there is none
  public ApiKey revoke(String nameOrId) {
    return changing(() -> {
      List<Kept> keys = new ArrayList<>(read().keys());
      for (int i = 0; i < keys.size(); i++) {
        ApiKey key = keys.get(i).key();
        if (isLive(key) && (key.id().equals(nameOrId) || key.name().equals(nameOrId))) {
          ApiKey revoked = key.revokedAt(clock.instant());
          keys.set(i, new Kept(revoked, keys.get(i).hmac()));
          write(keys);
          return revoked;
        }
      }
      throw LatheException.notFound(
          "there is no key '" + nameOrId + "' that is not revoked", "'lathe key list' shows them");
    });
  }

  /// Who shows a key; nobody when it is none of these keys, expired or revoked. Takes the same time
  /// whether the secret is nearly right or not at all.
  ///
  /// @throws LatheException when the files cannot be read: then nobody is let in
  public Optional<Caller> caller(String text) {
    Matcher parts = TEXT.matcher(text);
    if (!parts.matches()) {
      return Optional.empty();
    }
    Snapshot now = current();
    if (now.keys().isEmpty()) {
      return Optional.empty();
    }
    byte[] shown = hmac(now.secret(), text);
    for (Kept kept : now.keys()) {
      if (kept.key().id().equals(parts.group(1))) {
        boolean same = MessageDigest.isEqual(kept.hmac(), shown);
        return same && kept.key().isValid(clock.instant())
            ? Optional.of(caller(kept.key(), now.secret()))
            : Optional.empty();
      }
    }
    return Optional.empty();
  }

  private static Caller caller(ApiKey key, byte[] secret) {
    String isolation = HexFormat.of().formatHex(hmac(secret, "isolation of " + key.id()));
    return new Caller(key.name(), key.id(), key.scopes(), isolation);
  }

  private Snapshot current() {
    try {
      Object stamp = stamp();
      Snapshot known = snapshot;
      if (!known.stamp().equals(stamp)) {
        known = read();
        snapshot = known;
      }
      return known;
    } catch (IOException e) {
      throw unreadable(e);
    }
  }

  /// What changes when the file is replaced.
  private Object stamp() throws IOException {
    try {
      var attributes = Files.readAttributes(file, BasicFileAttributes.class);
      return List.of(
          attributes.lastModifiedTime(),
          attributes.size(),
          Optional.ofNullable(attributes.fileKey()));
    } catch (NoSuchFileException e) {
      return Snapshot.NONE.stamp();
    }
  }

  private Snapshot read() throws IOException {
    Object stamp = stamp();
    try {
      byte[] content = SecretFile.read(file);
      byte[] secret = SecretFile.read(secretFile);
      if (content.length > MOST_BYTES || secret.length != SECRET_BYTES) {
        throw damaged("it or its secret has a size that Lathe never writes");
      }
      return new Snapshot(stamp, parse(content), secret);
    } catch (NoSuchFileException e) {
      if (String.valueOf(e.getFile()).equals(file.toString())) {
        return Snapshot.NONE;
      }
      throw damaged("'" + secretFile + "' is missing");
    }
  }

  private List<Kept> parse(byte[] content) {
    JsonNode json = StrictJson.object("'" + file + "'", content);
    if (json.path("format").asInt(-1) != FORMAT) {
      throw LatheException.user(
          "'" + file + "' has format " + json.path("format") + ", this version reads " + FORMAT,
          "use the version of Lathe that wrote it");
    }
    List<Kept> keys = new ArrayList<>();
    try {
      for (JsonNode key : json.path("keys")) {
        List<String> scopes = new ArrayList<>();
        key.path("scopes").forEach(scope -> scopes.add(scope.asText()));
        keys.add(
            new Kept(
                new ApiKey(
                    key.path("id").asText(),
                    key.path("name").asText(),
                    Operation.ofScopes(scopes),
                    Instant.parse(key.path("created").asText()),
                    time(key, "expires"),
                    time(key, "revoked")),
                HexFormat.of().parseHex(key.path("hmac").asText())));
      }
    } catch (DateTimeException | IllegalArgumentException e) {
      throw damaged(String.valueOf(e.getMessage()));
    }
    return keys;
  }

  private static Optional<Instant> time(JsonNode key, String name) {
    return key.has(name) ? Optional.of(Instant.parse(key.path(name).asText())) : Optional.empty();
  }

  private void write(List<Kept> keys) throws IOException {
    ObjectNode json = JsonNodeFactory.instance.objectNode().put("format", FORMAT);
    ArrayNode list = json.putArray("keys");
    for (Kept kept : keys) {
      ApiKey key = kept.key();
      ObjectNode each = list.addObject().put("id", key.id()).put("name", key.name());
      ArrayNode scopes = each.putArray("scopes");
      key.scopes().stream().sorted().forEach(scope -> scopes.add(scope.scope()));
      each.put("created", key.created().toString());
      key.expires().ifPresent(expires -> each.put("expires", expires.toString()));
      key.revoked().ifPresent(revoked -> each.put("revoked", revoked.toString()));
      each.put("hmac", HexFormat.of().formatHex(kept.hmac()));
    }
    SecretFile.replace(file, json.toPrettyString().getBytes(StandardCharsets.UTF_8));
  }

  private byte[] secretOrNew() throws IOException {
    try {
      return SecretFile.read(secretFile);
    } catch (NoSuchFileException e) {
      if (exist()) {
        throw damaged("'" + secretFile + "' is missing");
      }
      byte[] secret = bytes(new SecureRandom(), SECRET_BYTES);
      SecretFile.replace(secretFile, secret);
      return secret;
    }
  }

  private <T> T changing(SecretFile.Work<T> work) {
    try {
      return SecretFile.locked(file, work);
    } catch (IOException e) {
      throw unreadable(e);
    }
  }

  private LatheException unreadable(IOException cause) {
    return LatheException.environment(
        "the keys in '%s' cannot be read or written (%s)".formatted(file, cause.getMessage()),
        "check the disk and the permissions of the folder",
        cause);
  }

  private LatheException damaged(String how) {
    return LatheException.environment(
        "the keys in '" + file + "' are damaged: " + how,
        "restore both files, or delete both and create new keys",
        null);
  }

  private static byte[] hmac(byte[] secret, String text) {
    try {
      Mac mac = Mac.getInstance("HmacSHA256");
      mac.init(new SecretKeySpec(secret, "HmacSHA256"));
      return mac.doFinal(text.getBytes(StandardCharsets.UTF_8));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }
}
