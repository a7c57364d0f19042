package dev.lathe.app.load;

import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/// What is sent to which server, and when.
///
/// @param server base address, with or without `/v1`
/// @param key bearer token
/// @param models model and adapter names; request `i` goes to the one at `i mod size`
/// @param prompts request `i` takes the one at `i mod size`
/// @param arrivals seconds from the start at which each request is sent; its length is their number
/// @param concurrency most requests under way; more wait, and their waiting counts
/// @param outputTokens most tokens of an answer
/// @param ignoreEos whether answers go on to their most tokens: asks with `ignore_eos`
/// @param temperature as the API has it
/// @param timeout of a whole request
public record LoadPlan(
    URI server,
    Optional<String> key,
    List<String> models,
    List<LoadPrompt> prompts,
    double[] arrivals,
    int concurrency,
    int outputTokens,
    boolean ignoreEos,
    double temperature,
    Duration timeout) {
  public LoadPlan {
    models = List.copyOf(models);
    prompts = List.copyOf(prompts);
    if (models.isEmpty() || prompts.isEmpty() || arrivals.length == 0 || concurrency < 1) {
      throw new IllegalArgumentException("a plan without models, prompts, requests or room");
    }
  }

  int requests() {
    return arrivals.length;
  }

  /// The address of a route such as `chat/completions`.
  URI route(String path) {
    String base = server.toString().replaceAll("/+$", "");
    return URI.create((base.endsWith("/v1") ? base : base + "/v1") + "/" + path);
  }
}
