package dev.lathe.platform.evaluation;

import java.util.List;
import java.util.stream.IntStream;

/// The answers of several candidates to the same questions.
///
/// @param model the base model's name
/// @param candidates in the order of the columns
/// @param cases in the order of the questions
public record Comparison(String model, List<Candidate> candidates, List<Case> cases) {
  public Comparison {
    candidates = List.copyOf(candidates);
    cases = List.copyOf(cases);
    for (Case each : cases) {
      if (each.answers().size() != candidates.size()) {
        throw new IllegalArgumentException(
            each.answers().size() + " answers for " + candidates.size() + " candidates");
      }
    }
  }

  /// Who answers.
  ///
  /// @param name `base`, or the adapter's name
  /// @param description where it comes from; may be empty
  public record Candidate(String name, String description) {}

  /// One question and the answer of each candidate, in the candidates' order.
  public record Case(Question question, List<Answer> answers) {
    public Case {
      answers = List.copyOf(answers);
    }

    /// Whether the candidates' verdicts differ, or their texts where nothing is judged.
    public boolean differs() {
      return question.expected().isEmpty()
          ? answers.stream().map(Answer::text).distinct().count() > 1
          : answers.stream().map(Answer::verdict).distinct().count() > 1;
    }
  }

  /// What a candidate said.
  ///
  /// @param cut whether it was ended by the limit of tokens
  public record Answer(String text, Verdict verdict, boolean cut) {
    /// The answer to the question, judged.
    public static Answer to(Question question, String text, boolean cut) {
      return new Answer(text, question.judge(text), cut);
    }
  }

  /// Whether any question names an expected answer.
  public boolean isJudged() {
    return cases.stream().anyMatch(each -> !each.question().expected().isEmpty());
  }

  /// The share of judged questions that a candidate got right.
  public Share share(int candidate) {
    List<Verdict> verdicts =
        cases.stream().map(each -> each.answers().get(candidate).verdict()).toList();
    return new Share(
        (int) verdicts.stream().filter(verdict -> verdict == Verdict.RIGHT).count(),
        (int) verdicts.stream().filter(verdict -> verdict != Verdict.UNJUDGED).count());
  }

  /// The shares of all candidates, in their order.
  public List<Share> shares() {
    return IntStream.range(0, candidates.size()).mapToObj(this::share).toList();
  }
}
