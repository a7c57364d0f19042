package dev.lathe.platform.tuning;

import dev.lathe.compute.text.EncodedRow;
import java.util.List;

/// One run, ready to be planned and run: everything but the trainer.
///
/// @param train rows to train on, each with at least one scored token
/// @param validation rows to validate with; may be empty
/// @param prompts token ids of the prompts whose logits are kept with the adapter
/// @param parameters parameters of base and adapter without the embeddings, for `total_flos`
/// @param threads compute threads
public record Job(
    Recipe recipe,
    Identity identity,
    List<EncodedRow> train,
    List<EncodedRow> validation,
    List<int[]> prompts,
    long parameters,
    int threads) {
  public Job {
    train = List.copyOf(train);
    validation = List.copyOf(validation);
    prompts = List.copyOf(prompts);
  }

  /// Which rows each step sees.
  public Course course() {
    return Course.of(recipe, train);
  }
}
