package dev.lathe.compute.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.kernel.Storage;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.model.TinyModels;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AdapterBankTest {
  @TempDir Path folder;

  private static Adapter adapter(ModelConfig config, int seed) {
    return RandomAdapters.of(config, "a" + seed, 2, Set.of(Projection.Q), seed);
  }

  @Test
  void onePackedAdapterServesAllWhoNameItAndTheIdleOnesAreEvicted() {
    try (Checkpoint model = Checkpoint.open(TinyModels.llama(folder.resolve("m"), 1));
        AdapterBank bank = new AdapterBank(model.config(), Storage.F32, 1)) {
      Adapter first = adapter(model.config(), 1);
      Adapter second = adapter(model.config(), 2);
      AdapterBank.Lease a = bank.acquire(first);
      AdapterBank.Lease again = bank.acquire(first);
      AdapterBank.Lease b = bank.acquire(second);
      assertThat(again.packed()).isSameAs(a.packed());
      assertThat(b.group()).isNotEqualTo(a.group());

      bank.release(a);
      bank.release(b);
      assertThat(bank.packedAdapters()).as("one held, one idle and kept").isEqualTo(2);
      bank.release(again);

      assertThat(bank.packedAdapters()).isEqualTo(1);
      assertThat(bank.acquire(first).packed()).as("the one used last stays").isSameAs(a.packed());
    }
  }
}
