package dev.lathe.training.fused;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Runs Java code on the threads that LibTorch's matrix products run on.
///
/// A second pool would share the cores with OpenMP's workers, which spin for a while after each
/// product. So the passes between products enter the same team through `GOMP_parallel` of GNU's
/// OpenMP library, whose workers call back into Java. Where that library is not the one that
/// LibTorch uses, the common pool does the work.
///
/// One caller at a time. Close it after the last use.
final class OpenMp implements AutoCloseable {
  /// Part of a pass: the rows `[from, to)`.
  interface Rows {
    void run(int from, int to);
  }

  private static final int SLICES_PER_THREAD = 4;

  private final int threads;
  private final @Nullable MethodHandle parallel;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment callback;
  private final AtomicInteger nextSlice = new AtomicInteger();
  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
  private Rows task = (_, _) -> {};
  private int rows;
  private int slice = 1;

  /// @param threads size of the team; LibTorch's thread count
  OpenMp(int threads) {
    this.threads = threads;
    this.parallel = library().map(OpenMp::parallelHandle).orElse(null);
    this.callback = upcall();
  }

  /// Runs `task` over `[0, rows)` in slices and waits for all of them.
  void forRows(int rows, Rows task) {
    forRows(rows, Math.max(1, Math.ceilDiv(rows, threads * SLICES_PER_THREAD)), task);
  }

  /// Runs `task` over `[0, rows)` in slices of `slice` rows and waits for all of them.
  void forRows(int rows, int slice, Rows task) {
    this.rows = rows;
    this.slice = slice;
    this.task = task;
    nextSlice.set(0);
    if (parallel == null) {
      IntStream.range(0, threads).parallel().forEach(_ -> work(MemorySegment.NULL));
    } else {
      try {
        parallel.invokeExact(callback, MemorySegment.NULL, threads, 0);
      } catch (Throwable error) {
        throw new IllegalStateException("OpenMP did not run the pass", error);
      }
    }
    Throwable error = failure.getAndSet(null);
    if (error != null) {
      throw new IllegalStateException("a pass over the batch failed", error);
    }
  }

  private void work(MemorySegment unused) {
    try {
      for (int from = take(); from < rows; from = take()) {
        task.run(from, Math.min(rows, from + slice));
      }
    } catch (Throwable error) { // an exception must not reach native frames
      failure.compareAndSet(null, error);
    }
  }

  private int take() {
    return nextSlice.getAndAdd(slice);
  }

  private MemorySegment upcall() {
    try {
      MethodHandle work =
          MethodHandles.lookup()
              .bind(this, "work", MethodType.methodType(void.class, MemorySegment.class));
      return Linker.nativeLinker()
          .upcallStub(work, FunctionDescriptor.ofVoid(ValueLayout.ADDRESS), arena);
    } catch (ReflectiveOperationException error) {
      throw new IllegalStateException(error);
    }
  }

  private static MethodHandle parallelHandle(Path library) {
    MemorySegment symbol =
        SymbolLookup.libraryLookup(library, Arena.global()).findOrThrow("GOMP_parallel");
    return Linker.nativeLinker()
        .downcallHandle(
            symbol,
            FunctionDescriptor.ofVoid(
                ValueLayout.ADDRESS,
                ValueLayout.ADDRESS,
                ValueLayout.JAVA_INT,
                ValueLayout.JAVA_INT));
  }

  /// The GNU OpenMP library that this process has loaded, if any.
  private static Optional<Path> library() {
    try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
      return maps.filter(line -> line.contains("/libgomp"))
          .map(line -> Path.of(line.substring(line.indexOf('/'))))
          .findFirst();
    } catch (IOException noProcFileSystem) {
      return Optional.empty();
    }
  }

  @Override
  public void close() {
    arena.close();
  }
}
