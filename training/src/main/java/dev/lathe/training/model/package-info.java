/// The decoder with gradients over LibTorch, twice: plain with autograd (the oracle, and the way to
/// other devices), and a hand-written forward and backward for the CPU.
@NullMarked
package dev.lathe.training.model;

import org.jspecify.annotations.NullMarked;
