/// The engine's decoder on LibTorch: the way to a GPU, and the oracle of the one in plain Java.
/// Start with [TorchRunner].
///
/// May use `training.model`, `training.tensor` and `compute`.
@NullMarked
package dev.lathe.training.runner;

import org.jspecify.annotations.NullMarked;
