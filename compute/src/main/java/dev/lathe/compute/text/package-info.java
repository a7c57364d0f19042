/// Text to token ids and back: tokenizer, chat template, scored examples, packed batches.
@NullMarked
package dev.lathe.compute.text;

import org.jspecify.annotations.NullMarked;
