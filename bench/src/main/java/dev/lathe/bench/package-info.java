/// Load drivers, run on demand; what they print belongs into `docs/performance.md`.
@NullMarked
package dev.lathe.bench;

import org.jspecify.annotations.NullMarked;
