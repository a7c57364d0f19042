package dev.lathe.app.cli;

import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/// The environment variables that Lathe honours, read once at the start; nothing else in Lathe
/// reads any. What cannot be used is refused where it is needed, see [Models].
///
/// @param home where models and runs are kept: `LATHE_HOME`, else `~/.lathe`
/// @param hub where `hf:` sources come from: `HF_ENDPOINT`, else `https://huggingface.co`
/// @param hubToken sent to the hub: `HF_TOKEN`
/// @param modelScope where `modelscope:` sources come from: `MODELSCOPE_DOMAIN`, else
///   `modelscope.cn`
/// @param colours false when `NO_COLOR` is set and not empty, or `TERM` is `dumb`
/// @param debug whether failures print their stack trace: `LATHE_DEBUG` set and not empty
public record Environment(
    Path home,
    String hub,
    Optional<String> hubToken,
    String modelScope,
    boolean colours,
    boolean debug) {

  /// Of the variables of the process.
  public static Environment of(Map<String, String> variables) {
    String home = variables.getOrDefault("LATHE_HOME", "");
    String hub = variables.getOrDefault("HF_ENDPOINT", "");
    String modelScope = variables.getOrDefault("MODELSCOPE_DOMAIN", "");
    return new Environment(
        home.isEmpty() ? Path.of(System.getProperty("user.home"), ".lathe") : Path.of(home),
        hub.isEmpty() ? "https://huggingface.co" : hub,
        Optional.ofNullable(variables.get("HF_TOKEN")).filter(token -> !token.isBlank()),
        modelScope.isEmpty() ? "modelscope.cn" : modelScope,
        variables.getOrDefault("NO_COLOR", "").isEmpty()
            && !variables.getOrDefault("TERM", "").equals("dumb"),
        !variables.getOrDefault("LATHE_DEBUG", "").isEmpty());
  }
}
