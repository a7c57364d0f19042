/// One optimizer step after another over the LoRA factors: schedule, clipping, AdamW, step reports,
/// saved state. Start with [Trainer] and [TrainerSettings]. When to stop, what is best and where
/// checkpoints go is decided by the caller.
@NullMarked
package dev.lathe.training.trainer;

import org.jspecify.annotations.NullMarked;
