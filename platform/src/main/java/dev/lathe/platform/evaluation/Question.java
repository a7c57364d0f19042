package dev.lathe.platform.evaluation;

import java.util.List;

/// One thing asked of every candidate.
///
/// @param id name in reports: the row's `id`, else its line number
/// @param turns the conversation to be answered, at least one turn, the last by the user
/// @param expected wordings of which a right answer contains one; empty when it is not judged
public record Question(String id, List<Turn> turns, List<String> expected) {
  public Question {
    turns = List.copyOf(turns);
    expected = List.copyOf(expected);
    if (turns.isEmpty()) {
      throw new IllegalArgumentException("question '" + id + "' has no turns");
    }
  }

  /// One message.
  ///
  /// @param role `system`, `user` or `assistant`
  public record Turn(String role, String text) {}

  /// A question of one user turn.
  public static Question of(String id, String prompt, List<String> expected) {
    return new Question(id, List.of(new Turn("user", prompt)), expected);
  }

  /// What is asked last.
  public String prompt() {
    return turns.getLast().text();
  }

  /// Whether the answer is right, wrong or not to be judged.
  public Verdict judge(String answer) {
    if (expected.isEmpty()) {
      return Verdict.UNJUDGED;
    }
    return FactMatch.states(answer, expected) ? Verdict.RIGHT : Verdict.WRONG;
  }
}
