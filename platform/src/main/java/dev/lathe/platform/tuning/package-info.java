/// Fine-tuning runs: the recipe in LLaMA-Factory's words, the plan before the first step, the run
/// itself with its logs and checkpoints, and the record of what came out. Start with [Recipe],
/// [Plan] and [Run]. Does no arithmetic on tensors: that is `training`. May use `dataset` and
/// `registry`.
@NullMarked
package dev.lathe.platform.tuning;

import org.jspecify.annotations.NullMarked;
