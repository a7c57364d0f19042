package dev.lathe.bench;

import com.sun.management.ThreadMXBean;
import dev.lathe.compute.kernel.Format;
import dev.lathe.compute.kernel.Kernel;
import dev.lathe.compute.kernel.PackedMatrix;
import dev.lathe.compute.kernel.Rows;
import dev.lathe.compute.kernel.Scratch;
import dev.lathe.compute.kernel.Workers;
import java.lang.foreign.Arena;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

/// All matrix products of one step of a model of SmolLM2's size, for each format and number of
/// rows. Arguments: formats (all), numbers of rows (1,2,4,8,16,32,256), threads (all). Figures are
/// the best of the rounds; for 64 rows and more the head is left out, as in a prompt.
public final class KernelBench {
  private static final int[][] SHAPES = {{960, 576}, {576, 576}, {3072, 576}, {576, 1536}};
  private static final int LAYERS = 30;
  private static final int VOCABULARY = 49_152;

  private final Kernel kernel = Kernel.best();
  private final Workers workers;
  private final Scratch[] scratch;

  private KernelBench(int threads, Arena arena) {
    workers = new Workers(threads, "bench");
    scratch = new Scratch[threads];
    Arrays.setAll(scratch, i -> new Scratch(arena, 0, 0));
  }

  public static void main(String[] args) {
    List<Format> formats =
        args.length > 0
            ? Arrays.stream(args[0].split(",")).map(Format::valueOf).toList()
            : List.of(Format.values());
    int[] rows =
        args.length > 1
            ? Arrays.stream(args[1].split(",")).mapToInt(Integer::parseInt).toArray()
            : new int[] {1, 2, 4, 8, 16, 32, 256};
    int threads =
        args.length > 2 ? Integer.parseInt(args[2]) : Runtime.getRuntime().availableProcessors();
    for (Format format : formats) {
      try (Arena arena = Arena.ofShared()) {
        new KernelBench(threads, arena).run(format, rows, arena);
      }
    }
  }

  private void run(Format format, int[] rows, Arena arena) {
    List<PackedMatrix> matrices = new ArrayList<>();
    for (int layer = 0; layer < LAYERS; layer++) {
      for (int[] shape : SHAPES) {
        matrices.add(matrix(format, shape[0], shape[1], arena));
      }
    }
    PackedMatrix head = matrix(format, VOCABULARY, 576, arena);
    long bytes = matrices.stream().mapToLong(PackedMatrix::bytes).sum() + head.bytes();
    System.out.printf("%s, %.1f MB, %s%n", format, bytes * 1e-6, kernel.description());
    for (int count : rows) {
      Rows x = Rows.quantizable(count, 1536);
      Arrays.fill(x.values(), 0.01f);
      int levels = head.levels();
      IntStream.range(0, count)
          .forEach(row -> kernel.quantize(x, row, 0, 1536, levels, scratch[0]));
      Rows y = Rows.of(count, 3072);
      Rows logits = count < 64 ? Rows.of(count, VOCABULARY) : y;
      double best = Double.MAX_VALUE;
      ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
      long allocated = 0;
      int rounds = count < 64 ? 30 : 6;
      for (int round = 0; round < rounds; round++) {
        long before = threads.getTotalThreadAllocatedBytes();
        long start = System.nanoTime();
        matrices.forEach(w -> multiply(w, x, y, count));
        if (count < 64) {
          multiply(head, x, logits, count);
        }
        best = Math.min(best, (System.nanoTime() - start) * 1e-9);
        allocated = threads.getTotalThreadAllocatedBytes() - before;
      }
      long weights = weights(matrices) + (count < 64 ? 576L * VOCABULARY : 0);
      System.out.printf(
          "  %3d rows: %6.2f ms, %5.0f rows/s, %4.1f GB/s, %3.0f GFLOP/s, %,d bytes allocated%n",
          count,
          best * 1e3,
          count / best,
          bytes / best * 1e-9,
          2e-9 * weights * count / best,
          allocated);
    }
    workers.close();
  }

  private static long weights(List<PackedMatrix> matrices) {
    return matrices.stream().mapToLong(w -> (long) w.inputs() * w.panels() * 32).sum();
  }

  private void multiply(PackedMatrix w, Rows x, Rows y, int count) {
    int chunk = Math.clamp(w.panels() / (workers.count() * 8L), 2, 8);
    workers.run(
        (first, last, worker) -> kernel.multiply(w, x, y, count, first, last, scratch[worker]),
        w.panels(),
        chunk);
  }

  private static PackedMatrix matrix(Format format, int outputs, int inputs, Arena arena) {
    Format fitting =
        format.isQuantized() && inputs % format.type().blockElements() != 0 ? Format.Q8_0 : format;
    PackedMatrix matrix = PackedMatrix.allocate(fitting, outputs, inputs, arena);
    Random random = new Random(inputs);
    if (!fitting.isQuantized()) {
      float[] rows = new float[PackedMatrix.PANEL * inputs];
      IntStream.range(0, rows.length).forEach(i -> rows[i] = random.nextFloat() - 0.5f);
      IntStream.range(0, matrix.panels()).forEach(i -> matrix.pack(i, rows, PackedMatrix.PANEL));
      return matrix;
    }
    byte[] blocks = new byte[(int) fitting.type().bytes((long) PackedMatrix.PANEL * inputs)];
    random.nextBytes(blocks);
    ByteBuffer buffer = ByteBuffer.wrap(blocks).order(ByteOrder.LITTLE_ENDIAN);
    for (int at = 0; at < blocks.length; at += fitting.type().blockBytes()) {
      buffer.putInt(at, 0x1FFF1FFF & buffer.getInt(at));
      buffer.putShort(at + (fitting == Format.Q6_K ? 208 : 0), (short) 0x1C00);
    }
    for (int panel = 0; panel < matrix.panels(); panel++) {
      matrix.pack(panel, blocks, PackedMatrix.PANEL, "bench");
    }
    return matrix;
  }
}
