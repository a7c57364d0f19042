package dev.lathe.platform.access;

import java.time.Instant;
import java.util.Optional;
import java.util.Set;

/// A key as far as it may be shown.
///
/// @param id eight letters and digits, part of the secret text, unique
/// @param name whom it was made for
/// @param scopes what it allows
/// @param expires when it ends by itself
/// @param revoked when it was ended
public record ApiKey(
    String id,
    String name,
    Set<Operation> scopes,
    Instant created,
    Optional<Instant> expires,
    Optional<Instant> revoked) {
  public ApiKey {
    scopes = Set.copyOf(scopes);
  }

  /// Whether it opens anything at a moment.
  public boolean isValid(Instant now) {
    return revoked.isEmpty() && expires.map(now::isBefore).orElse(true);
  }

  ApiKey revokedAt(Instant now) {
    return new ApiKey(id, name, scopes, created, expires, Optional.of(now));
  }
}
