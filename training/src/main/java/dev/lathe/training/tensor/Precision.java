package dev.lathe.training.tensor;

/// Type of the frozen weights and of the activations. The LoRA factors, their gradients and the
/// optimizer are fp32 in either case.
public enum Precision {
  BF16,
  FP32
}
