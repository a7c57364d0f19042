package dev.lathe.platform.dataset;

import dev.lathe.platform.dataset.Turn.Role;
import java.util.List;

/// One example: an optional system turn, then user (or tool) and assistant by turns, an assistant
/// last.
///
/// @param tools the tools on offer, each a compact JSON object
public record Row(RowSource source, List<Turn> turns, List<String> tools) {
  public Row {
    turns = List.copyOf(turns);
    tools = List.copyOf(tools);
    if (turns.isEmpty() || turns.getLast().role() != Role.ASSISTANT) {
      throw new IllegalArgumentException(source + " does not end with an assistant's turn");
    }
  }
}
