/// The fast way to LoRA gradients on a CPU: forward and backward of the decoder written by hand
/// over LibTorch's bf16 matrix products, with everything between two products in one vectorised
/// pass over memory, and without an autograd graph. Start with [FusedDecoder]; its oracle is
/// [dev.lathe.training.model.AutogradDecoder].
///
/// May use `training.model`, `training.tensor` and `compute`.
@NullMarked
package dev.lathe.training.fused;

import org.jspecify.annotations.NullMarked;
