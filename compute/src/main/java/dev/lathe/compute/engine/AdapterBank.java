package dev.lathe.compute.engine;

import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.model.ModelConfig;
import java.util.IdentityHashMap;
import org.jspecify.annotations.Nullable;

/// The adapters that are packed now, by identity of their record. A packed adapter is shared by all
/// requests that name it; the ones nobody holds are kept up to a number and then closed, the one
/// used least recently first. Only the engine's thread calls.
final class AdapterBank implements AutoCloseable {
  /// A packed adapter and who uses it.
  static final class Lease {
    private final Adapter adapter;
    private final PackedAdapter packed;
    private final int group;
    private int holders;
    private long lastUse;

    private Lease(Adapter adapter, PackedAdapter packed, int group) {
      this.adapter = adapter;
      this.packed = packed;
      this.group = group;
    }

    PackedAdapter packed() {
      return packed;
    }

    /// A number of its own, from 1; 0 stands for no adapter.
    int group() {
      return group;
    }
  }

  private final ModelConfig config;
  private final int idleKept;
  private final IdentityHashMap<Adapter, Lease> leases = new IdentityHashMap<>();
  private long clock;
  private int nextGroup = 1;

  /// @param idleKept adapters kept packed although nobody holds them
  AdapterBank(ModelConfig config, int idleKept) {
    this.config = config;
    this.idleKept = idleKept;
  }

  /// The packed adapter, held once more.
  Lease acquire(Adapter adapter) {
    Lease lease = leases.get(adapter);
    if (lease == null) {
      lease = new Lease(adapter, PackedAdapter.of(config, adapter), nextGroup++);
      leases.put(adapter, lease);
    }
    lease.holders++;
    lease.lastUse = ++clock;
    return lease;
  }

  void release(@Nullable Lease lease) {
    if (lease != null) {
      lease.holders--;
      evict();
    }
  }

  int packedAdapters() {
    return leases.size();
  }

  private void evict() {
    while (true) {
      int idle = 0;
      Lease oldest = null;
      for (Lease lease : leases.values()) {
        if (lease.holders == 0) {
          idle++;
          oldest = oldest == null || lease.lastUse < oldest.lastUse ? lease : oldest;
        }
      }
      if (oldest == null || idle <= idleKept) {
        return;
      }
      leases.remove(oldest.adapter);
      oldest.packed.close();
    }
  }

  @Override
  public void close() {
    leases.values().forEach(lease -> lease.packed.close());
    leases.clear();
  }
}
