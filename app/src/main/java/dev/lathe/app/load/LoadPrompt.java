package dev.lathe.app.load;

import java.util.List;

/// One conversation to send.
public record LoadPrompt(List<Turn> turns) {
  /// @param role `system`, `user` or `assistant`
  public record Turn(String role, String text) {}

  public LoadPrompt {
    turns = List.copyOf(turns);
  }

  /// A single turn of the user.
  public static LoadPrompt of(String text) {
    return new LoadPrompt(List.of(new Turn("user", text)));
  }
}
