/// The numbers in plain Java: text, weights, model, adapter, kernels and the engine. No LibTorch,
/// no HTTP, no SQL, no users. Start with [dev.lathe.compute.LatheException], the one error type
/// that leaves Lathe.
@NullMarked
package dev.lathe.compute;

import org.jspecify.annotations.NullMarked;
