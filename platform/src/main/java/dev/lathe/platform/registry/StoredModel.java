package dev.lathe.platform.registry;

import java.nio.file.Path;
import java.time.Instant;

/// A model of the store, as its manifest and a quick look at its files describe it.
///
/// @param name what a user calls it
/// @param bytes of all its files; of what is there so far for one that is [State#PARTIAL]
/// @param format what kind of files they are
/// @param weights how the weights are stored: `BF16`, `Q4_1`; `unknown` where nothing says
/// @param licence an SPDX identifier where one is known, else `unknown`
/// @param source where it came from, as [ModelSource] writes it
/// @param revision the commit or version that was pulled; empty for files of this machine
/// @param sha256 the identity of its content, see [ModelStore#identity]
/// @param pulled when its pull ended
/// @param path what to open: the folder of a Hugging Face model, the file of a GGUF one
/// @param state whether it can be used
/// @param detail what is wrong, for one that is damaged; else empty
public record StoredModel(
    String name,
    long bytes,
    ModelFormat format,
    String weights,
    String licence,
    String source,
    String revision,
    String sha256,
    Instant pulled,
    Path path,
    State state,
    String detail) {

  /// The folder that holds its files.
  public Path folder() {
    Path parent = path.getParent();
    return path.toString().endsWith(".gguf") && parent != null ? parent : path;
  }

  /// The source in a few words.
  public String sourceInBrief() {
    return source.isEmpty() ? "" : ModelSource.parse(source).brief();
  }

  /// Whether a model can be used.
  public enum State {
    /// Every file was hashed since it last changed, and is what the manifest says.
    VERIFIED,
    /// Sizes are right; the hashes are checked at the first use.
    UNVERIFIED,
    /// A file is missing, or is not what the manifest says.
    DAMAGED,
    /// A pull was cut off; the next pull goes on from there.
    PARTIAL
  }
}
