package dev.lathe.platform.tuning;

import dev.lathe.compute.FreeMemory;
import dev.lathe.training.trainer.ProcessMemory;

/// How much memory this process may come to hold.
///
/// @param limitBytes resident bytes in all; `Long.MAX_VALUE` where the system does not say
/// @param origin what sets the limit, for messages
public record Memory(long limitBytes, String origin) {
  /// What `memory_limit` grants, else what machine and control group have left.
  public static Memory of(Recipe recipe) {
    Long granted = recipe.memoryLimit();
    if (granted != null) {
      return new Memory(granted, "memory_limit");
    }
    long resident = ProcessMemory.read().map(ProcessMemory::residentBytes).orElse(0L);
    return of(FreeMemory.now(), resident);
  }

  /// @param resident bytes that this process holds already
  static Memory of(FreeMemory free, long resident) {
    boolean known = free.bytes() < Long.MAX_VALUE - resident;
    return new Memory(known ? free.bytes() + resident : Long.MAX_VALUE, free.origin());
  }
}
