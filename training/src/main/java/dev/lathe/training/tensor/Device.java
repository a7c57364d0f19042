package dev.lathe.training.tensor;

import dev.lathe.compute.LatheException;
import org.bytedeco.pytorch.global.torch;

/// Where tensors live and operations run.
public enum Device {
  CPU,
  /// The first NVIDIA GPU; needs the build profile `gpu`.
  CUDA;

  /// CUDA where LibTorch finds a GPU, else the CPU. Loads LibTorch.
  public static Device best() {
    return torch.cuda_is_available() ? CUDA : CPU;
  }

  /// Refuses a device that is not there.
  public void require() {
    if (this == CUDA && !torch.cuda_is_available()) {
      throw LatheException.capacity(
          "device 'cuda' was asked for, but LibTorch finds no NVIDIA GPU",
          "use device 'cpu', or build with -Pgpu on a machine with a GPU and its driver");
    }
  }

  /// The device as LibTorch names it; freed with the innermost [Scope].
  public org.bytedeco.pytorch.Device torch() {
    return new org.bytedeco.pytorch.Device(
        this == CUDA ? torch.DeviceType.CUDA : torch.DeviceType.CPU);
  }
}
