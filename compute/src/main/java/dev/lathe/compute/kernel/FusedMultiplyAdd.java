package dev.lathe.compute.kernel;

import com.sun.management.HotSpotDiagnosticMXBean;
import dev.lathe.compute.LatheException;
import java.lang.management.ManagementFactory;

/// The instruction every kernel computes with. Where the processor lacks it, the JVM computes
/// [Math#fma] by decimal numbers, some thousand times slower.
final class FusedMultiplyAdd {
  private static final int PROBES = 64;
  private static final int ROUNDS = 5;

  /// What so many take where it is an instruction, interpreted: some microseconds.
  private static final long SUSPICIOUS_NANOS = 100_000;

  private FusedMultiplyAdd() {}

  /// @throws LatheException when the processor, as the JVM sees it, lacks the instruction
  static void require() {
    if (fastestNanos() > SUSPICIOUS_NANOS && !jvmUsesIt()) {
      throw LatheException.environment(
          "this processor has no fused multiply-add (on x86: FMA3, with AVX2), without which each"
              + " product would take some thousand times as long",
          "use a processor of 2014 or later; in a virtual machine, show it the processor of its"
              + " host (QEMU: '-cpu host'; Proxmox: CPU type 'host')",
          null);
    }
  }

  /// To ask the JVM costs more than to try.
  private static long fastestNanos() {
    long fastest = Long.MAX_VALUE;
    float sum = 1;
    for (int round = 0; round < ROUNDS; round++) {
      long start = System.nanoTime();
      for (int i = 0; i < PROBES; i++) {
        sum = Math.fma(sum, 0.5f, 0.3f);
      }
      fastest = Math.min(fastest, System.nanoTime() - start);
    }
    return Float.isNaN(sum) ? 0 : fastest;
  }

  private static boolean jvmUsesIt() {
    try {
      return !"false"
          .equals(
              ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class)
                  .getVMOption("UseFMA")
                  .getValue());
    } catch (IllegalArgumentException unknown) {
      return true;
    }
  }
}
