package dev.lathe.compute.engine;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.lathe.compute.kernel.CacheType;
import dev.lathe.compute.kernel.Storage;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.compute.model.TinyModels;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class AllocationTest {
  @TempDir Path folder;

  @ParameterizedTest
  @EnumSource(names = {"BF16", "INT8"})
  void aTokenAllocatesAFewKilobytesAtMost(CacheType type) throws Exception {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    try (Checkpoint model = Checkpoint.open(TinyModels.llama(folder.resolve("m"), 1));
        JavaEngine engine =
            JavaEngine.open(
                model, new EngineSettings(Storage.BF16, 4, 1024, 1, 32).withCacheType(type))) {
      long thread = engineThread();
      long perToken = Long.MAX_VALUE;
      for (int round = 0; round < 400 && perToken > 4096; round++) {
        long before = threads.getThreadAllocatedBytes(thread);
        run(engine);
        perToken = (threads.getThreadAllocatedBytes(thread) - before) / 400;
      }

      assertThat(perToken).as("bytes for each token once the code is compiled").isLessThan(4097);
    }
  }

  private static long engineThread() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().equals("lathe-engine"))
        .mapToLong(Thread::threadId)
        .max()
        .orElseThrow();
  }

  private static void run(JavaEngine engine) throws InterruptedException {
    Request request = new Request(new int[] {1, 2, 3}, null, Sampling.GREEDY, 400, Set.of());
    try (TokenStream stream = engine.submit(request)) {
      while (stream.next() instanceof TokenEvent.Token) {
        // read to the end
      }
    }
  }
}
