/// Training data: LLaMA-Factory's `dataset_info.json`, alpaca and chat rows in JSON or JSONL, read
/// strictly, with every bad row named. Start with [Datasets] and [DatasetVersion]. Knows turns of a
/// conversation, not templates and not tokens. Uses no other package of the platform.
@NullMarked
package dev.lathe.platform.dataset;

import org.jspecify.annotations.NullMarked;
