package dev.lathe.platform.registry;

import java.util.Optional;

/// A file that a source offers.
///
/// @param path relative to the model's folder, with `/`
/// @param bytes negative where the source does not tell
/// @param expected what its content must hash to; empty where the source does not tell
record RemoteFile(String path, long bytes, Optional<Digest> expected) {

  /// What a content hashes to.
  ///
  /// @param kind how it is hashed
  /// @param hex lower-case hexadecimal
  record Digest(Kind kind, String hex) {
    /// The ways in which sources hash.
    enum Kind {
      SHA_256,
      /// SHA-1 over `blob LENGTH NUL content`, as git names small files.
      GIT_BLOB
    }
  }

  String fileName() {
    return path.substring(path.lastIndexOf('/') + 1);
  }

  boolean endsWith(String suffix) {
    return path.endsWith(suffix);
  }
}
