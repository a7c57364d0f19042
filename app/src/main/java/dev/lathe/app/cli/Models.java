package dev.lathe.app.cli;

import dev.lathe.compute.LatheException;
import dev.lathe.platform.registry.ModelStore;
import dev.lathe.platform.registry.SourceSettings;
import java.net.URI;
import java.net.URISyntaxException;
import org.jspecify.annotations.Nullable;

/// The models of this machine, as the process's environment places them.
final class Models {
  private Models() {}

  /// The store under `LATHE_HOME`, for what needs no network.
  static ModelStore store(Environment environment) {
    return new ModelStore(environment.home());
  }

  /// The same store, pulling from where `HF_ENDPOINT` and its kin say.
  ///
  /// @throws LatheException when one of them is no web address
  static ModelStore pulling(Environment environment) {
    String modelScope = environment.modelScope();
    SourceSettings settings =
        SourceSettings.DEFAULT
            .withHub(endpoint("HF_ENDPOINT", environment.hub()), environment.hubToken())
            .withModelScope(
                endpoint(
                    "MODELSCOPE_DOMAIN",
                    modelScope.contains("://") ? modelScope : "https://" + modelScope));
    return new ModelStore(environment.home(), settings);
  }

  private static URI endpoint(String variable, String text) {
    @Nullable URISyntaxException cause = null;
    try {
      URI found = new URI(text);
      boolean web = "http".equals(found.getScheme()) || "https".equals(found.getScheme());
      if (web && found.getHost() != null) {
        return found;
      }
    } catch (URISyntaxException e) {
      cause = e;
    }
    throw new LatheException(
        LatheException.Kind.USER,
        "%s is '%s', wanted is a web address".formatted(variable, text),
        "write it as https://hub.example",
        cause);
  }
}
