package dev.lathe.training.tensor;

import dev.lathe.compute.LatheException;
import org.bytedeco.pytorch.global.torch;

/// Loads the native library, quietly.
public final class LibTorch {
  private LibTorch() {}

  /// Loads LibTorch unless it is loaded, and sets the number of its compute threads, which holds
  /// for the whole process. Call it before the first use of any tensor.
  ///
  /// The heap bound of the JVM is no bound for native memory: JavaCPP's own limits, which it
  /// derives from the heap, are lifted, because a step's memory is planned and checked before it
  /// runs.
  ///
  /// @param threads 1 or more
  /// @throws LatheException when its natives or what they need of the system are not there
  public static void load(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException(threads + " compute threads are less than 1");
    }
    System.setProperty("org.bytedeco.javacpp.maxBytes", "0");
    System.setProperty("org.bytedeco.javacpp.maxPhysicalBytes", "0");
    try {
      torch.set_num_threads(threads);
    } catch (LinkageError e) {
      throw LatheException.environment(
          "LibTorch cannot be loaded: " + e.getMessage(),
          "build for this machine: with -Pgpu LibTorch needs the libraries of CUDA 13, libcudart and"
              + " libcupti among them, without it none",
          e);
    }
  }
}
