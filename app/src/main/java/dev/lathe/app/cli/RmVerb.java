package dev.lathe.app.cli;

import dev.lathe.app.terminal.Progress;
import dev.lathe.compute.LatheException;
import dev.lathe.platform.registry.ModelStore;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "rm",
    description = {
      "Delete models from this machine.",
      "",
      "What a cut-off pull left of one goes as well."
    },
    footer = {"", "Examples:", "  lathe rm smollm2-135m-instruct", "  lathe rm org/repo --yes"})
final class RmVerb implements Callable<Integer> {
  private final Context context;
  private final InputStream in;

  @Parameters(arity = "1..*", paramLabel = "NAME", description = "As 'lathe models' lists it.")
  private List<String> names = new ArrayList<>();

  @Option(names = "--yes", description = "Do not ask.")
  private boolean yes;

  RmVerb(Context context, InputStream in) {
    this.context = context;
    this.in = in;
  }

  @Override
  public Integer call() throws IOException {
    ModelStore store = Models.store(context.environment());
    List<String> unknown = names.stream().filter(name -> !store.has(name)).toList();
    if (!unknown.isEmpty()) {
      throw LatheException.notFound(
          "no model is called '%s'".formatted(String.join("', '", unknown)),
          "'lathe models' lists them");
    }
    if (!yes && !confirmed()) {
      context.screen().note("nothing was deleted");
      return ExitCode.OK.code();
    }
    for (String name : names) {
      long bytes = store.remove(name);
      context.screen().note("deleted '%s', %s".formatted(name, Progress.bytes(bytes)));
    }
    return ExitCode.OK.code();
  }

  private boolean confirmed() throws IOException {
    if (!context.screen().inIsTerminal()) {
      throw LatheException.user(
          "'%s' is only deleted after a question".formatted(String.join("', '", names)),
          "add --yes where nobody can answer");
    }
    context.screen().err().print("delete '" + String.join("', '", names) + "'? [y/N] ");
    context.screen().err().flush();
    BufferedReader reader = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8));
    String answer = reader.readLine();
    return answer != null && answer.strip().toLowerCase(Locale.ROOT).startsWith("y");
  }
}
