package dev.lathe.platform.dataset;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.compute.LatheException;
import dev.lathe.platform.dataset.Layout.Columns;
import dev.lathe.platform.dataset.Layout.Format;
import dev.lathe.platform.dataset.Layout.Tags;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Tells the layout of a file from the keys of its first readable row: `messages` (openai),
/// `conversations` (sharegpt), `instruction` or `output` (alpaca). Other parts that LLaMA-Factory
/// has a usual key for (`system`, `tools`, `history`, `images`, …) are used under that key.
final class LayoutDetector {
  private LayoutDetector() {}

  static Layout detect(Path file) {
    ObjectNode row = firstRow(file);
    if (row == null) {
      // Every row is bad; reading with any layout names them all.
      return new Layout(Format.ALPACA, columns("conversations"), Tags.STANDARD, false, null);
    }
    boolean ranking = row.has("chosen") || row.has("rejected");
    if (row.path("messages").isArray()) {
      boolean openai = row.path("messages").path(0).has("role");
      return new Layout(
          openai ? Format.OPENAI : Format.SHAREGPT,
          columns("messages"),
          openai ? Tags.OPENAI : Tags.STANDARD,
          ranking,
          null);
    }
    if (row.path("conversations").isArray()) {
      boolean openai = row.path("conversations").path(0).has("role");
      return new Layout(
          openai ? Format.OPENAI : Format.SHAREGPT,
          columns("conversations"),
          openai ? Tags.OPENAI : Tags.STANDARD,
          ranking,
          null);
    }
    if (row.has("instruction") || row.has("output")) {
      return new Layout(Format.ALPACA, columns("conversations"), Tags.STANDARD, ranking, null);
    }
    List<String> keys = new ArrayList<>();
    row.fieldNames().forEachRemaining(keys::add);
    throw LatheException.user(
        "'"
            + file
            + "' has rows with the keys "
            + String.join(", ", keys)
            + "; told from themselves are 'messages', 'conversations' or 'instruction' and 'output'",
        "describe the file in dataset_info.json with columns, or rename the keys");
  }

  private static Columns columns(String messages) {
    return new Columns(
        "instruction",
        "input",
        "output",
        "history",
        messages,
        "system",
        "tools",
        "images",
        "videos",
        "audios",
        "chosen",
        "rejected",
        "kto_tag");
  }

  private static @Nullable ObjectNode firstRow(Path file) {
    ObjectNode[] first = new ObjectNode[1];
    new RowReader(file)
        .read(
            new RowReader.Rows() {
              @Override
              public boolean row(long line, ObjectNode row) {
                first[0] = row;
                return false;
              }

              @Override
              public boolean bad(long line, String reason) {
                return true;
              }
            });
    return first[0];
  }
}
