package dev.lathe.app.http.openai;

import dev.lathe.app.http.Fields;
import dev.lathe.app.http.Range;
import dev.lathe.platform.gateway.Prompt;
import java.util.List;

/// What `/v1/completions` takes.
///
/// @param maxTokens 0 only to score the prompt
/// @param logprobs likeliest tokens beside each token; -1 where no log-probabilities are wanted
/// @param echo whether the prompt is part of the answer
record CompletionRequest(
    String model,
    List<Prompt> prompts,
    Decoding decoding,
    int maxTokens,
    int logprobs,
    boolean echo,
    Streaming streaming,
    Sharing sharing,
    OutputForm form) {
  static CompletionRequest read(Fields in) {
    CompletionRequest request =
        new CompletionRequest(
            in.field("model", "name of the base, of an adapter, or an alias").text(),
            in.field("prompt", "what is to be gone on with; control tokens in it are read as such")
                .someAny(Prompts::schema, List.of(), Prompts::read),
            Decoding.read(in),
            in.field("max_tokens", "most tokens; 0 with echo and logprobs scores the prompt")
                .whole(Range.from(0), 16),
            in.field("logprobs", "likeliest tokens given beside each token; -1: none at all")
                .whole(Range.of(-1, 20), -1),
            in.field("echo", "whether the prompt is part of the answer").flag(false),
            Streaming.read(in),
            Sharing.read(in),
            OutputForm.read(in));
    in.refused("suffix", "models are asked to go on, not to fill in", "\"\"");
    in.refused("best_of", "use n", "1");
    in.refused("use_beam_search", "answers are sampled", "false");
    in.refused("skip_special_tokens", "control tokens are no text", "true");
    in.refused("add_special_tokens", "nothing is added to a prompt", "false");
    in.refused("prompt_logprobs", "use echo with logprobs");
    in.refused("include_stop_str_in_output", "a stop text is no part of the answer", "false");
    if (request.maxTokens == 0 && !(request.echo && request.logprobs >= 0)) {
      in.problem("max_tokens", "'max_tokens': 0 needs 'echo' and 'logprobs'");
    }
    if (request.maxTokens > 0 && request.decoding.minTokens() > request.maxTokens) {
      in.problem("min_tokens", "'min_tokens' is more than 'max_tokens', " + request.maxTokens);
    }
    return request;
  }
}
