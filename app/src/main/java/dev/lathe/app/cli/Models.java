package dev.lathe.app.cli;

import dev.lathe.compute.LatheException;
import dev.lathe.platform.registry.ModelStore;
import dev.lathe.platform.registry.SourceSettings;
import java.net.URI;

/// The models of this machine, as the process's environment places them.
final class Models {
  private Models() {}

  /// The store under `LATHE_HOME`, pulling from where `HF_ENDPOINT` and its kin say.
  static ModelStore store(Environment environment) {
    SourceSettings settings =
        SourceSettings.DEFAULT
            .withHub(endpoint("HF_ENDPOINT", environment.hub()), environment.hubToken())
            .withModelScope(endpoint("MODELSCOPE_DOMAIN", environment.modelScope()));
    return new ModelStore(environment.home(), settings);
  }

  private static URI endpoint(String variable, URI found) {
    boolean web = "http".equals(found.getScheme()) || "https".equals(found.getScheme());
    if (!web || found.getHost() == null) {
      throw LatheException.user(
          "%s is '%s', wanted is a web address".formatted(variable, found),
          "write it as https://hub.example");
    }
    return found;
  }
}
