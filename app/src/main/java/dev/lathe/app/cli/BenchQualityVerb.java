package dev.lathe.app.cli;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.app.terminal.Progress;
import dev.lathe.app.terminal.Screen;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.engine.EngineSettings;
import dev.lathe.compute.kernel.CacheType;
import dev.lathe.compute.kernel.Storage;
import dev.lathe.platform.evaluation.Perplexity;
import dev.lathe.platform.evaluation.SampleText;
import dev.lathe.platform.gateway.Generator;
import dev.lathe.platform.gateway.Prompt;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "quality",
    description = {
      "Measure what keeping weights, keys and values in fewer bits costs: the perplexity of each"
          + " format on fixed texts, and its ratio to bf16.",
      "",
      "The texts are the first chapters of Moby-Dick and of the Analects, or files. They are cut"
          + " into windows, and the second half of each is scored. Ends with exit code 7 where int8,"
          + " of weights or of keys and values, is worse than bf16 by more than the tolerance."
    },
    footer = {
      "",
      "Examples:",
      "  lathe bench quality smollm2-135m-instruct",
      "  lathe bench quality smollm2-135m-instruct --weights auto,int4 --text mine.txt",
      "  lathe bench quality smollm2-135m-instruct --weights bf16 --kv-cache int8 --window 2048"
    })
final class BenchQualityVerb implements Callable<Integer> {
  private static final int STREAMS = 2;

  private final Context context;

  @Parameters(
      index = "0",
      paramLabel = "MODEL",
      description = "A pulled model's name, a Hugging Face directory, or a GGUF file.")
  private String model = "";

  @Option(
      names = "--weights",
      paramLabel = "TYPE",
      split = ",",
      description = "The formats to measure beside bf16 (default: auto,int8,int4).")
  private List<Storage> weights = List.of(Storage.AUTO, Storage.INT8, Storage.INT4);

  @Option(
      names = "--kv-cache",
      paramLabel = "TYPE",
      split = ",",
      description =
          "The formats of keys and values to measure, f32, bf16 or int8, each with all of the weights"
              + " (default: bf16, f32 beside weights in f32).")
  private List<CacheType> caches = List.of();

  @Option(
      names = "--text",
      paramLabel = "FILE",
      description = "Measure on this text instead; may be given several times.")
  private List<Path> files = List.of();

  @Option(
      names = "--tokens",
      paramLabel = "N",
      description = "Most tokens of each text (default: ${DEFAULT-VALUE}).")
  private int tokens = 8192;

  @Option(
      names = "--window",
      paramLabel = "N",
      description = "Tokens of one window (default: ${DEFAULT-VALUE}).")
  private int window = 512;

  @Option(
      names = "--tolerance",
      paramLabel = "PERCENT",
      description = "How much worse than bf16 int8 may be (default: ${DEFAULT-VALUE}).")
  private double tolerance = 1;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads that compute (default: one for each core).")
  private int threads = EngineSettings.cores();

  @Option(names = "--json", paramLabel = "FILE", description = "Write the figures as JSON.")
  private @Nullable Path json;

  BenchQualityVerb(Context context) {
    this.context = context;
  }

  /// One format on one text.
  private record Figure(SampleText text, Perplexity perplexity) {}

  /// How a model is kept.
  private record Case(Storage weights, CacheType cache) {
    /// Whether it differs from bf16 by int8 alone, or by weights as int8 beside any cache.
    boolean isInt8() {
      return weights == Storage.INT8 || weights == Storage.BF16 && cache == CacheType.INT8;
    }

    @Override
    public String toString() {
      return name(weights) + " with keys and values as " + name(cache);
    }
  }

  /// One case on all texts.
  ///
  /// @param kept how the weights are kept, for people
  private record Measured(Case kind, String kept, List<Figure> figures) {}

  @Override
  public Integer call() throws InterruptedException {
    check();
    Path path = Models.store(context.environment()).resolve(model);
    List<SampleText> texts =
        files.isEmpty()
            ? SampleText.usual()
            : files.stream()
                .map(file -> new SampleText(file.toString(), Input.text(file)))
                .toList();
    List<Measured> all = new ArrayList<>();
    for (Case each : cases()) {
      all.add(measure(path, each, texts));
    }
    print(texts, all);
    if (json != null) {
      write(json, json(all));
    }
    return verdict(all).code();
  }

  /// What is measured, first of all what the others are compared with.
  private Set<Case> cases() {
    Set<Case> cases = new LinkedHashSet<>();
    cases.add(new Case(Storage.BF16, CacheType.BF16));
    for (CacheType cache : caches) {
      cases.add(new Case(Storage.BF16, cache));
      weights.forEach(each -> cases.add(new Case(each, cache)));
    }
    if (caches.isEmpty()) {
      weights.forEach(each -> cases.add(new Case(each, EngineSettings.of(each).cacheType())));
    }
    return cases;
  }

  private void check() {
    if (window < 8) {
      throw LatheException.user("--window " + window + " is less than 8", "give at least 8");
    }
    if (tokens < window) {
      throw LatheException.user(
          "--tokens " + tokens + " is less than --window " + window, "give at least one window");
    }
    if (!(tolerance >= 0)) {
      throw LatheException.user("--tolerance " + tolerance + " is less than 0", "give at least 0");
    }
  }

  private Measured measure(Path path, Case kind, List<SampleText> texts)
      throws InterruptedException {
    EngineSettings settings =
        EngineSettings.of(kind.weights())
            .withCacheType(kind.cache())
            .withThreads(threads)
            .withMaxStreams(STREAMS)
            .withKvTokens(2 * STREAMS * window);
    List<Figure> figures = new ArrayList<>();
    try (Generator generator = Generator.open(path, settings)) {
      if (window >= generator.context()) {
        throw LatheException.user(
            "--window %d is not less than the model's context of %d"
                .formatted(window, generator.context()),
            "give a smaller one");
      }
      for (SampleText text : texts) {
        int[] ids = generator.encode(new Prompt.Raw(text.text()));
        int[] some = Arrays.copyOf(ids, Math.min(tokens, ids.length));
        String task = kind + " on " + text.name();
        try (Progress progress =
            context
                .screen()
                .progress(
                    task,
                    Math.max(1, Perplexity.windows(some.length, window)),
                    Progress.Unit.COUNT)) {
          Perplexity perplexity =
              Perplexity.of(generator, some, window, (done, _) -> progress.update(done, ""));
          figures.add(new Figure(text, perplexity));
        }
      }
      String description = generator.description();
      String kept = description.substring(description.indexOf("weights ") + "weights ".length());
      return new Measured(kind, kept, figures);
    }
  }

  private static String name(Enum<?> format) {
    return format.name().toLowerCase(Locale.ROOT);
  }

  private void print(List<SampleText> texts, List<Measured> all) {
    Screen screen = context.screen();
    for (int i = 0; i < texts.size(); i++) {
      int scored = all.getFirst().figures().get(i).perplexity().logprobs().length;
      screen.out().printf(Locale.ROOT, "%s, %,d tokens scored%n", texts.get(i).name(), scored);
      screen
          .out()
          .printf(
              "  %-7s  %-8s  %11s  %-18s  %s%n",
              "weights", "kv-cache", "perplexity", "to bf16", "kept as");
      for (Measured each : all) {
        Perplexity.Ratio ratio = ratio(each, all.getFirst(), i);
        screen
            .out()
            .printf(
                Locale.ROOT,
                "  %-7s  %-8s  %11.4f  %.4f ± %.4f    %s%n",
                name(each.kind().weights()),
                name(each.kind().cache()),
                each.figures().get(i).perplexity().value(),
                ratio.value(),
                ratio.margin(),
                each.kept());
      }
    }
  }

  private static Perplexity.Ratio ratio(Measured one, Measured bf16, int text) {
    return one.figures().get(text).perplexity().ratio(bf16.figures().get(text).perplexity());
  }

  private String json(List<Measured> all) {
    ObjectNode root = new JsonMapper().createObjectNode();
    root.put("model", model).put("window", window);
    ArrayNode list = root.putArray("figures");
    for (Measured each : all) {
      for (int i = 0; i < each.figures().size(); i++) {
        Figure figure = each.figures().get(i);
        Perplexity.Ratio ratio = ratio(each, all.getFirst(), i);
        list.addObject()
            .put("weights", name(each.kind().weights()))
            .put("kept_as", each.kept())
            .put("kv_cache", name(each.kind().cache()))
            .put("text", figure.text().name())
            .put("tokens_scored", figure.perplexity().logprobs().length)
            .put("perplexity", figure.perplexity().value())
            .put("ratio_to_bf16", ratio.value())
            .put("ratio_margin_95", ratio.margin());
      }
    }
    return root.toPrettyString() + "\n";
  }

  /// Whether int8, where it was measured, is within its limit on every text.
  private ExitCode verdict(List<Measured> all) {
    ExitCode verdict = ExitCode.OK;
    for (Measured each : all) {
      for (int i = 0; i < each.figures().size() && each.kind().isInt8(); i++) {
        double ratio = ratio(each, all.getFirst(), i).value();
        if (ratio > 1 + tolerance / 100) {
          context
              .screen()
              .note(
                  String.format(
                      Locale.ROOT,
                      "%s is %.2f %% worse than bf16 on %s, and at most %s %% is allowed",
                      each.kind(),
                      100 * (ratio - 1),
                      each.figures().get(i).text().name(),
                      tolerance));
          verdict = ExitCode.MISSED;
        }
      }
    }
    return verdict;
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
