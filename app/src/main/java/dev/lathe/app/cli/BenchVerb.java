package dev.lathe.app.cli;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

@Command(
    name = "bench",
    description = "Measure.",
    footer = {
      "",
      "Examples:",
      "  lathe bench serve http://127.0.0.1:8080",
      "  lathe bench quality smollm2-135m-instruct"
    })
final class BenchVerb implements Runnable {
  @Spec private CommandSpec spec = CommandSpec.create();

  private BenchVerb() {}

  static CommandLine commandLine(Context context) {
    return new CommandLine(new BenchVerb())
        .addSubcommand(new BenchServeVerb(context))
        .addSubcommand(new BenchQualityVerb(context));
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "what to measure is missing");
  }
}
