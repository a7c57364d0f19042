package dev.lathe.platform.registry;

import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/// Where models come from and how long to wait for them.
///
/// @param hubEndpoint the Hugging Face hub or a mirror of it (`HF_ENDPOINT`)
/// @param hubToken sent to that endpoint only, never to where it redirects (`HF_TOKEN`)
/// @param modelScopeEndpoint the ModelScope hub or a mirror of it
/// @param pip the command that runs this machine's `pip`
/// @param patience how long to wait, and how often to try
public record SourceSettings(
    URI hubEndpoint,
    Optional<String> hubToken,
    URI modelScopeEndpoint,
    List<String> pip,
    Patience patience) {

  /// How long to wait, and how often to try.
  ///
  /// @param connect for a connection; past it the next source is tried
  /// @param stall without a single byte, before a transfer counts as broken
  /// @param attempts in a row that bring no byte, before a transfer is given up
  /// @param firstPause before the second attempt; doubled before each later one
  public record Patience(Duration connect, Duration stall, int attempts, Duration firstPause) {
    public static final Patience DEFAULT =
        new Patience(Duration.ofSeconds(5), Duration.ofSeconds(60), 5, Duration.ofSeconds(1));

    public Patience {
      if (attempts < 1) {
        throw new IllegalArgumentException("attempts " + attempts + " is not at least 1");
      }
    }
  }

  public static final SourceSettings DEFAULT =
      new SourceSettings(
          URI.create("https://huggingface.co"),
          Optional.empty(),
          URI.create("https://modelscope.cn"),
          List.of("python3", "-m", "pip"),
          Patience.DEFAULT);

  public SourceSettings {
    pip = List.copyOf(pip);
  }

  public SourceSettings withHub(URI endpoint, Optional<String> token) {
    return new SourceSettings(endpoint, token, modelScopeEndpoint, pip, patience);
  }

  public SourceSettings withModelScope(URI endpoint) {
    return new SourceSettings(hubEndpoint, hubToken, endpoint, pip, patience);
  }

  public SourceSettings withPip(List<String> command) {
    return new SourceSettings(hubEndpoint, hubToken, modelScopeEndpoint, command, patience);
  }

  public SourceSettings withPatience(Patience wanted) {
    return new SourceSettings(hubEndpoint, hubToken, modelScopeEndpoint, pip, wanted);
  }
}
