package dev.lathe.app.cli;

import java.util.concurrent.Callable;
import picocli.AutoComplete;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "completion",
    description = "Print a script that completes verbs and options in bash or zsh.",
    footer = {
      "",
      "Examples:",
      "  source <(lathe completion bash)        in ~/.bashrc",
      "  source <(lathe completion zsh)         in ~/.zshrc, after compinit"
    })
final class CompletionVerb implements Callable<Integer> {
  /// Shells with completion.
  enum Shell {
    bash,
    zsh
  }

  private final Context context;

  @Parameters(paramLabel = "SHELL", description = "${COMPLETION-CANDIDATES}")
  private Shell shell = Shell.bash;

  @Spec private CommandSpec spec;

  @SuppressWarnings("NullAway.Init") // picocli injects spec
  CompletionVerb(Context context) {
    this.context = context;
  }

  @Override
  public Integer call() {
    String script = AutoComplete.bash("lathe", spec.root().commandLine());
    String start =
        switch (shell) {
          case bash -> "";
          case zsh -> "autoload -Uz compinit bashcompinit && compinit -u && bashcompinit\n";
        };
    context.screen().out().print(start + script);
    return ExitCode.OK.code();
  }
}
