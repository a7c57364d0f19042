package dev.lathe.app.cli;

import dev.lathe.app.load.Arrivals;
import dev.lathe.app.load.LoadGenerator;
import dev.lathe.app.load.LoadPicture;
import dev.lathe.app.load.LoadPlan;
import dev.lathe.app.load.LoadPrompt;
import dev.lathe.app.load.LoadReport;
import dev.lathe.app.load.RandomPrompts;
import dev.lathe.app.load.Sample;
import dev.lathe.app.terminal.Progress;
import dev.lathe.compute.LatheException;
import dev.lathe.platform.evaluation.Questions;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "serve",
    description = {
      "Measure a server that speaks OpenAI's chat completions, Lathe's or another's: requests come"
          + " when they are due, whether earlier ones are answered or not.",
      "",
      "TTFT is the time from sending to the first token, TPOT the mean time of each token after it,"
          + " ITL the time between pieces of the stream, E2E the whole; goodput the answers a second"
          + " within all limits. Prompts are random words, or the rows of a file."
    },
    footer = {
      "",
      "Examples:",
      "  lathe bench serve http://127.0.0.1:8080 --requests 64 --concurrency 16",
      "  lathe bench serve http://127.0.0.1:8080 --model base --model mine \\",
      "      --rate 1:8 --requests 300 --limit ttft=500 --limit tpot=50 --picture load.svg"
    })
final class BenchServeVerb implements Callable<Integer> {
  private static final int CALIBRATION_WORDS = 200;

  private final Context context;

  @Parameters(index = "0", paramLabel = "URL", description = "The server's address.")
  private URI server = URI.create("");

  @Option(
      names = "--model",
      paramLabel = "NAME",
      description =
          "Model or adapter to ask for; given several times, requests go round them (default: the"
              + " first that the server lists).")
  private List<String> models = new ArrayList<>();

  @Option(
      names = "--api-key",
      paramLabel = "KEY",
      description = "Sent as bearer token (default: the value of OPENAI_API_KEY, if set).",
      defaultValue = "${env:OPENAI_API_KEY:-}")
  private String key = "";

  @Option(
      names = "--requests",
      paramLabel = "N",
      description = "Requests to send (default: ${DEFAULT-VALUE}).")
  private int requests = 100;

  @Option(
      names = "--rate",
      paramLabel = "R|FROM:TO",
      description =
          "Requests a second on average, at random times; FROM:TO goes evenly from one to the other"
              + " (default: all at once).")
  private @Nullable String rate;

  @Option(
      names = "--concurrency",
      paramLabel = "N",
      description =
          "Most requests under way; more wait, and their waiting counts (default: no limit).")
  private int concurrency = Integer.MAX_VALUE;

  @Option(
      names = "--prompts",
      paramLabel = "FILE",
      description = "JSON lines with \"prompt\" or \"messages\", gone round.")
  private @Nullable Path file;

  @Option(
      names = "--prompt-tokens",
      paramLabel = "N",
      description = "Tokens of a random prompt, as near as words get (default: ${DEFAULT-VALUE}).")
  private int promptTokens = 128;

  @Option(
      names = "--shared-tokens",
      paramLabel = "N",
      description = "Of these, how many all prompts begin with (default: ${DEFAULT-VALUE}).")
  private int sharedTokens;

  @Option(
      names = "--output-tokens",
      paramLabel = "N",
      description = "Most tokens of an answer (default: ${DEFAULT-VALUE}).")
  private int outputTokens = 128;

  @Option(
      names = "--stop-early",
      description = "Let answers end where the model ends them, not at their most tokens.")
  private boolean stopEarly;

  @Option(
      names = "--temperature",
      paramLabel = "T",
      description = "As the API has it (default: ${DEFAULT-VALUE}).")
  private double temperature;

  @Option(
      names = "--warm-up",
      paramLabel = "N",
      description =
          "Requests sent before, all at once, that do not count (default: ${DEFAULT-VALUE}).")
  private int warmUp = 4;

  @Option(
      names = "--limit",
      paramLabel = "NAME=MS",
      description = "What a good answer keeps: ttft, tpot or e2e; may be given several times.")
  private Map<LoadReport.Measure, Double> limits = new EnumMap<>(LoadReport.Measure.class);

  @Option(
      names = "--timeout",
      paramLabel = "S",
      description = "Seconds after which a request is given up (default: ${DEFAULT-VALUE}).")
  private int timeout = 600;

  @Option(
      names = "--seed",
      paramLabel = "SEED",
      description = "Of prompts and arrival times (default: ${DEFAULT-VALUE}).")
  private long seed = 42;

  @Option(names = "--json", paramLabel = "FILE", description = "Write the figures as JSON.")
  private @Nullable Path json;

  @Option(names = "--picture", paramLabel = "FILE", description = "Write a picture as SVG.")
  private @Nullable Path picture;

  BenchServeVerb(Context context) {
    this.context = context;
  }

  @Override
  public Integer call() throws InterruptedException {
    check();
    Optional<String> bearer = key.isBlank() ? Optional.empty() : Optional.of(key.strip());
    List<String> names =
        models.isEmpty() ? List.of(LoadGenerator.models(server, bearer).getFirst()) : models;
    double wordsPerToken = warmUp(bearer, names);
    List<LoadPrompt> prompts = prompts(requests, wordsPerToken, seed);
    LoadReport report = new LoadReport(run(plan(bearer, names, prompts, arrivals())), limits);
    report.lines().forEach(context.screen().out()::println);
    if (json != null) {
      write(json, report.json().toPrettyString() + "\n");
    }
    if (picture != null) {
      write(picture, LoadPicture.draw(report, server + " · " + String.join(", ", names)));
    }
    return (report.failed() == 0 ? ExitCode.OK : ExitCode.ENVIRONMENT).code();
  }

  /// Sends what does not count, and learns how many words make one token for this server: from a
  /// long and a short prompt.
  private double warmUp(Optional<String> bearer, List<String> names) throws InterruptedException {
    double[] arrivals = Arrivals.atOnce(Math.max(1, warmUp));
    LoadPlan plan = plan(bearer, names, prompts(arrivals.length, 1, seed + 1), arrivals);
    try (LoadGenerator generator = new LoadGenerator(plan)) {
      int few = generator.promptTokens(1);
      int many = generator.promptTokens(1 + CALIBRATION_WORDS);
      if (warmUp > 0) {
        generator.run(_ -> {});
      }
      return many > few ? (double) CALIBRATION_WORDS / (many - few) : 1;
    }
  }

  private List<Sample> run(LoadPlan plan) throws InterruptedException {
    try (LoadGenerator generator = new LoadGenerator(plan);
        Progress progress = context.screen().progress("requests", requests, Progress.Unit.COUNT)) {
      return generator.run(ended -> progress.update(ended, ""));
    }
  }

  private LoadPlan plan(
      Optional<String> bearer, List<String> names, List<LoadPrompt> prompts, double[] arrivals) {
    return new LoadPlan(
        server,
        bearer,
        names,
        prompts,
        arrivals,
        concurrency,
        outputTokens,
        !stopEarly,
        temperature,
        Duration.ofSeconds(timeout));
  }

  private double[] arrivals() {
    if (rate == null) {
      return Arrivals.atOnce(requests);
    }
    String[] ends = rate.split(":", 2);
    return Arrivals.poisson(requests, rate(ends[0]), rate(ends[ends.length - 1]), seed);
  }

  private double rate(String text) {
    try {
      double value = Double.parseDouble(text.strip());
      if (value > 0 && Double.isFinite(value)) {
        return value;
      }
    } catch (NumberFormatException e) {
      // refused below
    }
    throw LatheException.user(
        "--rate is '" + rate + "'", "give requests a second above 0, as in 4 or 1:8");
  }

  private List<LoadPrompt> prompts(int count, double wordsPerToken, long from) {
    if (file == null) {
      int words = (int) Math.max(1, Math.round(promptTokens * wordsPerToken));
      int shared = (int) Math.round(sharedTokens * wordsPerToken);
      return RandomPrompts.make(count, words, shared, from);
    }
    return Questions.read(file).questions().stream()
        .map(question ->
            new LoadPrompt(
                question.turns().stream()
                    .map(turn -> new LoadPrompt.Turn(turn.role(), turn.text()))
                    .toList()))
        .toList();
  }

  private void check() {
    String scheme = server.getScheme();
    if (server.getHost() == null || !("http".equals(scheme) || "https".equals(scheme))) {
      throw LatheException.user(
          "'" + server + "' is no web address", "write it as http://127.0.0.1:8080");
    }
    atLeast("--requests", requests, 1);
    atLeast("--concurrency", concurrency, 1);
    atLeast("--prompt-tokens", promptTokens, 1);
    atLeast("--shared-tokens", sharedTokens, 0);
    atLeast("--output-tokens", outputTokens, 1);
    atLeast("--warm-up", warmUp, 0);
    atLeast("--timeout", timeout, 1);
    if (sharedTokens > promptTokens) {
      throw LatheException.user(
          "--shared-tokens " + sharedTokens + " is more than --prompt-tokens " + promptTokens,
          "make it at most as many");
    }
    if (rate != null) {
      arrivals();
    }
  }

  private static void atLeast(String option, int value, int least) {
    if (value < least) {
      throw LatheException.user(option + " " + value + " is less than " + least, "");
    }
  }

  private static void write(Path file, String text) {
    try {
      Files.writeString(file, text);
    } catch (IOException e) {
      throw LatheException.environment(
          "'" + file + "' cannot be written (" + e.getMessage() + ")", "choose another place", e);
    }
  }
}
