package dev.lathe.platform.gateway;

import dev.lathe.compute.engine.Logprobs;
import dev.lathe.compute.engine.Sampling;
import dev.lathe.compute.engine.Terms;
import dev.lathe.compute.engine.TokenConstraint;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// One request.
///
/// @param adapter applied to prompt and reply, id or alias of an adapter of the generator; or none
/// @param constraint gives what the reply is held to, see [Generator#constraint]; null when it is
///   free
/// @param logprobs which log-probabilities are wanted
/// @param terms whom it is charged to, what it shares, how long it may take
public record Ask(
    Prompt prompt,
    @Nullable String adapter,
    Sampling sampling,
    Until until,
    @Nullable Supplier<? extends TokenConstraint> constraint,
    Logprobs logprobs,
    Terms terms) {

  /// A free one, without log-probabilities, on plain terms.
  public Ask(
      Prompt prompt,
      @Nullable String adapter,
      Sampling sampling,
      int maxTokens,
      List<String> stops) {
    this(prompt, adapter, sampling, Until.of(maxTokens, stops), null, Logprobs.NONE, Terms.PLAIN);
  }

  /// The same, held to a constraint.
  public Ask withConstraint(Supplier<? extends TokenConstraint> source) {
    return new Ask(prompt, adapter, sampling, until, source, logprobs, terms);
  }
}
