package dev.lathe.app.cli;

import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.time.Duration;
import java.util.function.LongSupplier;

/// Keeps the heap near what lives in it. The serial collector looks through the old generation only
/// when the heap can grow no more, so that garbage alone would take a server to its largest size;
/// here it is asked to as soon as the old generation holds twice what was found alive. The time
/// that takes stays in proportion to what is allocated. For one thread.
final class SoftHeapLimit {
  /// What lives less long than a collection takes to pay is left alone, in bytes.
  static final long LEAST = 64L << 20;

  private static final Duration LOOK = Duration.ofMillis(200);

  private final LongSupplier used;
  private final Runnable collector;
  private long limit = LEAST;

  /// @param used bytes in the old generation
  /// @param collector frees those that nothing refers to
  SoftHeapLimit(LongSupplier used, Runnable collector) {
    this.used = used;
    this.collector = collector;
  }

  /// Watches over this process until its end, where its collector has an old generation.
  static void begin() {
    ManagementFactory.getMemoryPoolMXBeans().stream()
        .filter(pool -> pool.getType() == MemoryType.HEAP && pool.isUsageThresholdSupported())
        .findFirst()
        .ifPresent(SoftHeapLimit::watch);
  }

  private static void watch(MemoryPoolMXBean old) {
    SoftHeapLimit limit = new SoftHeapLimit(() -> old.getUsage().getUsed(), System::gc);
    Thread.ofPlatform()
        .daemon()
        .name("lathe-heap")
        .start(() -> {
          try {
            while (true) {
              Thread.sleep(LOOK);
              limit.look();
            }
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
        });
  }

  /// Collects if there is more than the limit, and sets it anew by what is left.
  void look() {
    if (used.getAsLong() > limit) {
      collector.run();
      limit = Math.max(LEAST, 2 * used.getAsLong());
    }
  }
}
