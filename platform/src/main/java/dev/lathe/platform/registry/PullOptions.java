package dev.lathe.platform.registry;

import java.util.Optional;

/// How a model is pulled.
///
/// @param presence what to do with a model that is there already
/// @param placement how the files of a `file:` source come into the store
/// @param name the name in the store; empty for the catalogue's or the source's own
public record PullOptions(Presence presence, Placement placement, Optional<String> name) {
  /// What a pull does when the model is there already.
  public enum Presence {
    /// A whole one stays; a damaged one is pulled again.
    KEEP,
    /// It is pulled again from the first byte; the one there stays until the new one is whole.
    REPLACE
  }

  /// How files come from a folder of this machine.
  public enum Placement {
    /// As bytes of their own.
    COPY,
    /// As hard links: no space used, but a change of the original damages the model.
    HARD_LINK
  }

  public static final PullOptions DEFAULT =
      new PullOptions(Presence.KEEP, Placement.COPY, Optional.empty());

  public PullOptions withPresence(Presence wanted) {
    return new PullOptions(wanted, placement, name);
  }

  public PullOptions withPlacement(Placement wanted) {
    return new PullOptions(presence, wanted, name);
  }

  public PullOptions withName(String wanted) {
    return new PullOptions(presence, placement, Optional.of(wanted));
  }
}
