package dev.lathe.app.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.lathe.app.terminal.Screen;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.Nearest;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;
import picocli.CommandLine.UnmatchedArgumentException;

/// Lathe's entry point: one verb per call.
@Command(
    name = "lathe",
    description = "Shape an open language model to your own data, on your own machine.",
    synopsisHeading = "",
    customSynopsis = "Usage: lathe VERB [OPTION...]",
    descriptionHeading = "%n",
    commandListHeading = "%nVerbs:%n",
    optionListHeading = "%nOptions:%n")
public final class Main implements Callable<Integer> {
  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      scope = ScopeType.INHERIT,
      description = "Show this help.")
  @SuppressWarnings("UnusedVariable") // picocli reads it
  private boolean help;

  @Option(
      names = "--debug",
      scope = ScopeType.INHERIT,
      description = "Print the stack trace of a failure (also: LATHE_DEBUG=1).")
  private boolean debug;

  @Spec private CommandSpec spec;

  @SuppressWarnings("NullAway.Init") // picocli injects spec
  private Main() {}

  /// Without a verb.
  @Override
  public Integer call() {
    spec.commandLine().usage(spec.commandLine().getErr());
    return ExitCode.USAGE.code();
  }

  /// Runs one verb and ends the process with its [ExitCode].
  public static void main(String[] arguments) {
    StandardError.restore();
    Environment environment = Environment.of(System.getenv());
    Context context = new Context(environment, Screen.ofProcess(environment.colours()));
    System.exit(run(context, arguments));
  }

  /// Runs one verb.
  ///
  /// @return the exit code
  static int run(Context context, String... arguments) {
    // Numbers are written alike on every machine: in files and for programs they have to be, and
    // messages and reports are in English.
    Locale.setDefault(Locale.Category.FORMAT, Locale.ROOT);
    int code = commandLine(context, Verbs.neededBy(arguments, context)).execute(arguments);
    boolean lost = context.screen().out().checkError();
    return lost && code == ExitCode.OK.code()
        ? Failures.report(context.screen(), Failures.lostOutput(context.screen()), false)
        : code;
  }

  /// The whole command line, for parsing, help and completion.
  static CommandLine commandLine(Context context) {
    return commandLine(context, Verbs.all(context));
  }

  private static CommandLine commandLine(Context context, Stream<Object> verbs) {
    Main main = new Main();
    CommandLine line = new CommandLine(main);
    verbs.forEach(line::addSubcommand);
    Screen screen = context.screen();
    line.setOut(new PrintWriter(screen.out(), true, UTF_8));
    line.setErr(new PrintWriter(screen.err(), true, UTF_8));
    line.setColorScheme(
        CommandLine.Help.defaultColorScheme(screen.outHasColours() ? Ansi.ON : Ansi.OFF));
    line.setUsageHelpAutoWidth(false);
    line.setUsageHelpWidth(Math.clamp(screen.columns(), 60, 100));
    line.setCaseInsensitiveEnumValuesAllowed(true);
    line.setAbbreviatedOptionsAllowed(false);
    line.setParameterExceptionHandler((failure, _) -> usage(screen, failure));
    line.setExecutionExceptionHandler((failure, _, _) ->
        Failures.report(screen, failure, main.debug || context.environment().debug()));
    line.getCommandSpec().usageMessage().footer(footer());
    for (CommandLine verb : line.getSubcommands().values()) {
      HelpStyle.apply(verb);
    }
    return line;
  }

  private static int usage(Screen screen, ParameterException failure) {
    CommandLine verb = failure.getCommandLine();
    String help = "see '" + verb.getCommandSpec().qualifiedName() + " --help'";
    String what = String.valueOf(failure.getMessage());
    if (failure instanceof MissingParameterException missing && !missing.getMissing().isEmpty()) {
      what = missing(verb, missing.getMissing());
    }
    if (failure instanceof UnmatchedArgumentException unmatched) {
      String given = unmatched.getUnmatched().getFirst();
      what = unmatched(verb, given);
      help = near(verb, given).map(name -> "did you mean '" + name + "'? ").orElse("") + help;
    }
    return Failures.report(screen, LatheException.user(what, help), false);
  }

  private static String missing(CommandLine verb, List<ArgSpec> arguments) {
    return "'"
        + verb.getCommandSpec().qualifiedName()
        + "' needs "
        + arguments.stream()
            .map(each ->
                each instanceof OptionSpec option
                    ? option.longestName() + " " + option.paramLabel()
                    : each.paramLabel())
            .collect(Collectors.joining(" and "));
  }

  private static String unmatched(CommandLine verb, String given) {
    if (given.startsWith("-")) {
      return "there is no option '" + given + "'";
    }
    return verb.getParent() == null
        ? "there is no verb '" + given + "'"
        : "'" + given + "' is one argument too many";
  }

  private static Optional<String> near(CommandLine verb, String given) {
    CommandSpec spec = verb.getCommandSpec();
    return given.startsWith("-")
        ? Nearest.to(given, spec.optionsMap().keySet())
        : Nearest.to(given, spec.subcommands().keySet());
  }

  private static String[] footer() {
    StringBuilder text = new StringBuilder();
    text.append(
        "%nStart here:%n  lathe demo                    the whole thread in a few minutes%n");
    text.append("  lathe VERB --help             options and an example of each verb%n");
    text.append("%nExit codes:%n");
    for (ExitCode code : ExitCode.values()) {
      text.append(String.format("  %-4d %s%%n", code.code(), code.meaning()));
    }
    text.append(
        "%nModels and runs are kept in LATHE_HOME (~/.lathe). Only 'pull' uses the network.");
    return new String[] {text.toString()};
  }
}
