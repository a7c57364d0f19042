package dev.lathe.compute.text;

import dev.lathe.compute.text.ChatEncoder.Segment;
import dev.lathe.compute.text.RowOptions.Scoring;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// Cuts and scores one row.
///
/// The rules are LLaMA-Factory's (`data/processor/supervised.py`, `infer_seqlen`): turns are added
/// one after another until the cut-off is reached; within a turn that does not fit, prompt and
/// answer are cut so that the shorter one suffers least. Where only the last answer is scored, the
/// last turn is added first. What a template writes after the last answer is left out: nothing that
/// is scored comes after it.
final class RowBuilder {
  private record Turn(int[] prompt, int[] answer) {}

  private final List<Turn> turns;
  private final RowOptions options;
  private final Set<Integer> stopTokens;

  RowBuilder(List<Segment> segments, RowOptions options, Set<Integer> stopTokens) {
    this.options = options;
    this.stopTokens = stopTokens;
    this.turns = new ArrayList<>();
    int[] prompt = new int[0];
    for (Segment segment : segments) {
      if (segment.answer()) {
        turns.add(new Turn(prompt, segment.ids()));
        prompt = new int[0];
      } else {
        prompt = segment.ids();
      }
    }
  }

  EncodedRow build() {
    boolean backwards = options.scoring() == Scoring.LAST_ANSWER;
    List<Turn> order = backwards ? turns.reversed() : turns;
    List<Turn> kept = new ArrayList<>();
    int total = 0;
    boolean truncated = false;
    for (Turn turn : order) {
      if (total >= options.cutoff()) {
        truncated = true;
        break;
      }
      Turn cut = cut(turn, options.cutoff() - total);
      truncated |=
          cut.prompt().length < turn.prompt().length || cut.answer().length < turn.answer().length;
      total += cut.prompt().length + cut.answer().length;
      kept.add(cut);
    }
    return row(backwards ? kept.reversed() : kept, total, truncated);
  }

  private static Turn cut(Turn turn, int room) {
    int prompt = turn.prompt().length;
    int answer = turn.answer().length;
    int forAnswer;
    if (answer * 2L < room) {
      forAnswer = room;
    } else if (prompt * 2L < room) {
      forAnswer = room - prompt;
    } else {
      forAnswer = (int) (room * ((double) answer / (prompt + answer)));
    }
    int answerKept = Math.min(forAnswer, answer);
    int promptKept = Math.min(Math.max(room - answerKept, 0), prompt);
    return new Turn(
        java.util.Arrays.copyOf(turn.prompt(), promptKept),
        java.util.Arrays.copyOf(turn.answer(), answerKept));
  }

  private EncodedRow row(List<Turn> kept, int total, boolean truncated) {
    int[] ids = new int[total];
    boolean[] scored = new boolean[total];
    int at = 0;
    boolean endScored = false;
    for (int i = 0; i < kept.size(); i++) {
      Turn turn = kept.get(i);
      boolean last = i == kept.size() - 1;
      at = append(turn.prompt(), options.scoring() == Scoring.EVERYTHING, ids, scored, at);
      at = append(turn.answer(), options.scoring() != Scoring.LAST_ANSWER || last, ids, scored, at);
      endScored = ChatEncoder.endOfTurn(turn.answer(), stopTokens) >= 0;
    }
    if (total > 0) {
      scored[0] = false;
    }
    return new EncodedRow(ids, scored, truncated, endScored, "");
  }

  private static int append(int[] part, boolean score, int[] ids, boolean[] scored, int at) {
    System.arraycopy(part, 0, ids, at, part.length);
    java.util.Arrays.fill(scored, at, at + part.length, score);
    return at + part.length;
  }
}
