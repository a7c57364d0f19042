/// Stored tensors: safetensors and GGUF files, memory-mapped, every format read to fp32 or bf16.
/// Names, never meaning: what a tensor is for is the business of `model`. No pickle.
@NullMarked
package dev.lathe.compute.weights;

import org.jspecify.annotations.NullMarked;
