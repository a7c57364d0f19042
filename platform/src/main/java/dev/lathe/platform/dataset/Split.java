package dev.lathe.platform.dataset;

import dev.lathe.compute.LatheException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// A data set cut into rows to train on and rows to validate with.
///
/// @param validation empty where nothing is held out
public record Split(DatasetVersion train, List<Row> validation) {
  public Split {
    validation = List.copyOf(validation);
  }

  /// Draws the validation rows by seed; both parts keep the order of the data set.
  ///
  /// @param size 0 for none, in `(0, 1)` a share rounded up, above 1 a count
  public static Split of(DatasetVersion data, double size, long seed) {
    int rows = data.rows().size();
    int held = (int) Math.min(Integer.MAX_VALUE, size < 1 ? Math.ceil(size * rows) : (long) size);
    if (held == 0) {
      return new Split(data, List.of());
    }
    if (held >= rows) {
      throw LatheException.user(
          "val_size "
              + size
              + " holds out "
              + held
              + " rows of "
              + rows
              + "; none is left to train on",
          "lower val_size or add rows");
    }
    int[] drawn = Arrays.copyOf(Order.shuffled(rows, seed, -1), held);
    Arrays.sort(drawn);
    List<Row> train = new ArrayList<>();
    List<Row> validation = new ArrayList<>();
    for (int index = 0; index < rows; index++) {
      boolean isHeld = Arrays.binarySearch(drawn, index) >= 0;
      (isHeld ? validation : train).add(data.rows().get(index));
    }
    return new Split(data.withRows(train), validation);
  }
}
