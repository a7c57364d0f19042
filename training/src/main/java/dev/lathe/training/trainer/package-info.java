/// The training loop's inside: factors as one flat vector, AdamW, schedule, clipping, step reports,
/// saved state.
@NullMarked
package dev.lathe.training.trainer;

import org.jspecify.annotations.NullMarked;
