package dev.lathe.platform.access;

import java.util.EnumSet;
import java.util.Set;

/// Who a request comes from.
///
/// @param name for logs: the name of the key
/// @param keyId the key's id; empty where no key is needed
/// @param allowed what may be done
/// @param isolation never told to anybody: what is computed for one caller is used again only for
///   callers of the same isolation
public record Caller(String name, String keyId, Set<Operation> allowed, String isolation) {
  public Caller {
    allowed = Set.copyOf(allowed);
  }

  /// Everybody on this machine, where no keys are kept.
  public static final Caller LOCAL =
      new Caller("local", "", EnumSet.allOf(Operation.class), "local");

  /// Somebody without a key where keys are kept.
  public static final Caller ANONYMOUS =
      new Caller("anonymous", "", Set.of(Operation.LOOK), "anonymous");

  public boolean may(Operation operation) {
    return operation.isOpen() || allowed.contains(operation);
  }
}
