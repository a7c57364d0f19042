/// LibTorch underneath: loading it, the life of its memory, the way between Java arrays, mapped
/// files and native tensors. Start with [Scope], then [Tensors]. It does not wrap LibTorch's tensor
/// operations: inside this module they are called as they are.
///
/// The letters that name dimensions in all documentation of this module:
///
/// | letter | meaning |
/// |---|---|
/// | `B` | rows of a batch |
/// | `T` | tokens of all rows of a batch, packed one after another |
/// | `N` | scored tokens |
/// | `L` | decoder layers |
/// | `H` | query heads |
/// | `K` | key/value heads |
/// | `D` | head width |
/// | `E` | model width |
/// | `F` | feed-forward width |
/// | `V` | vocabulary |
/// | `R` | rank of the LoRA factors |
@NullMarked
package dev.lathe.training.tensor;

import org.jspecify.annotations.NullMarked;
