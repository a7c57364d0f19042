package dev.lathe.app.cli;

import dev.lathe.app.chat.ChatLoop;
import dev.lathe.app.chat.EditedLines;
import dev.lathe.app.chat.LineSource;
import dev.lathe.app.terminal.Screen;
import dev.lathe.app.terminal.Screen.Style;
import dev.lathe.compute.engine.AdapterVersion;
import dev.lathe.platform.gateway.Generator;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "chat",
    description = {
      "Talk to a model in the terminal, with or without an adapter.",
      "",
      "Ctrl-C stops an answer, Ctrl-D leaves, /help lists the commands. Without a terminal each line"
          + " of standard input is one turn."
    },
    footer = {
      "",
      "Examples:",
      "  lathe chat smollm2-135m-instruct",
      "  lathe chat smollm2-135m-instruct --adapter runs/mine --system \"Be brief.\""
    })
final class ChatVerb implements Callable<Integer> {
  private final Context context;

  @Parameters(
      paramLabel = "MODEL",
      description = "A pulled model's name, a Hugging Face directory, or a GGUF file.")
  private String model = "";

  @Option(
      names = {"-a", "--adapter"},
      paramLabel = "DIR",
      description = "Adapter directory, as 'lathe train' or PEFT writes it.")
  private @Nullable Path adapter;

  @Option(names = "--system", paramLabel = "TEXT", description = "The system message.")
  private @Nullable String system;

  @Mixin private SamplingOptions sampling = new SamplingOptions();

  @Mixin private SpeculationOptions speculation = new SpeculationOptions();

  @Mixin private EngineOptions engine = new EngineOptions();

  ChatVerb(Context context) {
    this.context = context;
  }

  @Override
  public Integer call() {
    sampling.check();
    Screen screen = context.screen();
    try (Generator generator = engine.open(context, model, 1, speculation.speculation(context))) {
      Optional<AdapterVersion> loaded =
          Optional.ofNullable(adapter)
              .map(directory -> Adapters.load(generator, directory, screen));
      if (screen.inIsTerminal() && screen.outIsTerminal()) {
        greet(generator, loaded);
        person(generator, loaded);
      } else {
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        loop(LineSource.of(in), generator, loaded).run();
      }
    }
    return ExitCode.OK.code();
  }

  private void person(Generator generator, Optional<AdapterVersion> loaded) {
    try (EditedLines lines = EditedLines.open("› ", ChatLoop.commands())) {
      ChatLoop loop = loop(lines, generator, loaded);
      lines.onInterrupt(loop::stopAnswer);
      loop.run();
    }
  }

  private ChatLoop loop(LineSource lines, Generator generator, Optional<AdapterVersion> loaded) {
    return new ChatLoop(
        context.screen(),
        lines,
        generator,
        prompt -> sampling.ask(prompt, loaded.orElse(null)),
        Optional.ofNullable(system));
  }

  private void greet(Generator generator, Optional<AdapterVersion> loaded) {
    Screen screen = context.screen();
    String who = model + loaded.map(used -> " with " + used.name()).orElse("");
    screen
        .out()
        .println(
            screen.outStyled(Style.BOLD, who)
                + screen.outStyled(
                    Style.DIM,
                    "  " + generator.description() + "\n/help for commands, Ctrl-D to leave"));
  }
}
