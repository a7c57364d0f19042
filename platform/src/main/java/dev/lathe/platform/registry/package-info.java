/// The models on this machine: where they come from, what they are made of, whether they are whole.
///
/// Start with [ModelStore] (pull, list, remove, resolve), [Catalogue] (the models known by a short
/// name) and [ModelSource] (`hf:`, `modelscope:`, `pip:`, `file:`). This package is the only one
/// that uses the network, and only in [ModelStore#pull]. It reads no environment variable: what
/// they say comes in as [SourceSettings]. It says which path to open; reading weights and tokens is
/// left to `compute`.
///
/// May use: `compute` (LatheException, Nearest), `compute.weights` (what a file says of itself).
@NullMarked
package dev.lathe.platform.registry;

import org.jspecify.annotations.NullMarked;
