package dev.lathe.app.cli;

import dev.lathe.platform.registry.Catalogue;
import dev.lathe.platform.registry.CatalogueEntry;
import dev.lathe.platform.registry.StoredModel;
import dev.lathe.platform.tuning.RecipeParser;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "completion",
    description = {
      "Print a completion script for bash or zsh.",
      "",
      "It completes verbs, options, recipe keys, and the models that are on this machine when it is"
          + " printed."
    },
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

  private static final Set<String> MODELS = Set.of("MODEL", "NAME", "NAME|SOURCE");

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
    CommandLine lathe = spec.root().commandLine();
    Map<String, CommandLine> verbs = lathe.getSubcommands();
    List<String> here =
        Models.store(context.environment()).list().stream().map(StoredModel::name).toList();
    List<String> offered =
        Catalogue.load(context.environment().home()).entries().stream()
            .map(CatalogueEntry::name)
            .toList();
    verbs
        .values()
        .forEach(verb -> {
          offer(verb.getCommandSpec(), verb.getCommandName().equals("pull") ? offered : here);
          offerWords(verb.getCommandSpec());
        });
    offerKeys(Objects.requireNonNull(verbs.get("train")).getCommandSpec());
    String script = AutoComplete.bash("lathe", lathe);
    String start =
        switch (shell) {
          case bash -> "";
          case zsh -> "autoload -Uz compinit bashcompinit && compinit -u && bashcompinit\n";
        };
    context.screen().out().print(start + script);
    return ExitCode.OK.code();
  }

  /// The words of options as they are written, which the parser of the command line has in
  /// capitals.
  private static void offerWords(CommandSpec verb) {
    for (OptionSpec option : List.copyOf(verb.options())) {
      if (option.auxiliaryTypes()[0].isEnum()) {
        List<String> words = new ArrayList<>();
        option.completionCandidates().forEach(word -> words.add(word.toLowerCase(Locale.ROOT)));
        verb.remove(option);
        verb.add(OptionSpec.builder(option).completionCandidates(words).build());
      }
    }
  }

  /// Names of models for the arguments that take one.
  private static void offer(CommandSpec verb, List<String> names) {
    for (PositionalParamSpec argument : List.copyOf(verb.positionalParameters())) {
      if (MODELS.contains(argument.paramLabel())) {
        verb.remove(argument);
        verb.add(PositionalParamSpec.builder(argument).completionCandidates(names).build());
      }
    }
  }

  /// The keys of a recipe, which the parser of the command line leaves to the verb.
  private static void offerKeys(CommandSpec train) {
    new RecipeParser()
        .words()
        .forEach((key, words) ->
            train.addOption(
                OptionSpec.builder("--" + key)
                    .paramLabel(key) // names a variable of the script
                    .type(String.class)
                    .arity("1")
                    .completionCandidates(words.isEmpty() ? null : words)
                    .build()));
  }
}
