/// Text to token ids and back: tokenizer, chat template, scored examples, packed batches.
///
/// Start with [dev.lathe.compute.text.ChatEncoder] (conversations to ids, for training and for
/// answering), [dev.lathe.compute.text.Tokenizer], [dev.lathe.compute.text.StreamDecoder] and
/// [dev.lathe.compute.text.Packer]. It knows nothing of files of examples, nor of the decoder. May
/// use `jinja`, `model` and `weights`.
@NullMarked
package dev.lathe.compute.text;

import org.jspecify.annotations.NullMarked;
