package dev.lathe.bench;

import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.adapter.Adapter.Factor;
import dev.lathe.compute.engine.EngineSettings;
import dev.lathe.compute.engine.JavaEngine;
import dev.lathe.compute.engine.Request;
import dev.lathe.compute.engine.Sampling;
import dev.lathe.compute.engine.Terms;
import dev.lathe.compute.engine.TokenEvent;
import dev.lathe.compute.engine.TokenStream;
import dev.lathe.compute.kernel.Storage;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.training.runner.TorchRunner;
import dev.lathe.training.tensor.Device;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.Set;

/// How fast the engine loads, reads prompts and generates: whole steps, sampling included.
/// Arguments: model path, weight storage, most rounds (5), and `java` (default), `cpu` or `cuda`,
/// the latter two for LibTorch. Figures are the best of the rounds.
public final class EngineBench {
  private static final int PROMPT = 512;
  private static final int OUTPUT = 64;
  private static final int PREFIX = 1024;
  private static final int TURN = 24;

  /// Runs after which the kernels of one stream are compiled for good.
  private static final int WARM_UP = 8;

  private final PrintStream out;
  private final JavaEngine engine;
  private final int rounds;
  private int runs;

  private EngineBench(PrintStream out, JavaEngine engine, int rounds) {
    this.out = out;
    this.engine = engine;
    this.rounds = rounds;
  }

  public static void main(String[] args) throws InterruptedException {
    if (args.length < 2) {
      System.err.println("usage: EngineBench MODEL STORAGE [ROUNDS [java|cpu|cuda]]");
      System.exit(2);
    }
    int rounds = args.length > 2 ? Integer.parseInt(args[2]) : 5;
    long start = System.nanoTime();
    try (Checkpoint checkpoint = Checkpoint.open(Path.of(args[0]))) {
      long opened = System.nanoTime();
      EngineSettings settings =
          EngineSettings.of(Storage.valueOf(args[1])).withMaxStreams(64).withKvTokens(8192);
      String runner = args.length > 3 ? args[3] : "java";
      try (JavaEngine engine = open(checkpoint, settings, runner)) {
        long loaded = System.nanoTime();
        System.out.printf(
            "%s: opened in %.2f s, packed in %.2f s%n",
            engine.description(), (opened - start) * 1e-9, (loaded - opened) * 1e-9);
        new EngineBench(System.out, engine, rounds).run();
      }
    }
  }

  private static JavaEngine open(Checkpoint model, EngineSettings settings, String runner) {
    if (runner.equals("java")) {
      return JavaEngine.open(model, settings);
    }
    Device device = Device.valueOf(runner.toUpperCase(Locale.ROOT));
    return JavaEngine.over(
        TorchRunner.open(model.config(), model.weights(), settings, device),
        model.config(),
        settings);
  }

  private void run() throws InterruptedException {
    long start = System.nanoTime();
    generate(1, 8, 1, List.of());
    out.printf("first 8 tokens, cold: %.2f s%n", (System.nanoTime() - start) * 1e-9);
    for (int run = 0; run < WARM_UP; run++) {
      generate(1, OUTPUT, 4, List.of());
    }
    for (int streams : new int[] {1, 4, 16, 32}) {
      out.printf("%d streams: %.0f tokens/s%n", streams, best(streams, List.of()));
    }
    adapted(16);
    adapted(64);
    double seconds = Double.MAX_VALUE;
    for (int round = 0; round < rounds; round++) {
      seconds = Math.min(seconds, generate(1, 1, PROMPT, List.of()));
    }
    out.printf("prompt of %d: %.0f tokens/s%n", PROMPT, PROMPT / seconds);
    prefix();
    live();
  }

  /// Streams of the base beside as many streams that have an adapter each.
  private void adapted(int streams) throws InterruptedException {
    List<String> adapters = new ArrayList<>();
    for (int i = 0; i < streams; i++) {
      adapters.add(engine.adapters().add(adapter(engine.config(), i)).id());
    }
    double base = 0;
    double adapted = 0;
    for (int round = 0; round < rounds; round++) {
      base = Math.max(base, streams * OUTPUT / generate(streams, OUTPUT, 4, List.of()));
      adapted = Math.max(adapted, streams * OUTPUT / generate(streams, OUTPUT, 4, adapters));
    }
    out.printf(
        "%d streams, %d adapters of rank 8: %.0f tokens/s, %.0f %% of the base's %.0f%n",
        streams, streams, adapted, 100 * adapted / base, base);
  }

  /// Time to the first token of a long prompt, computed and from the prefix cache.
  private void prefix() throws InterruptedException {
    double cold = Double.MAX_VALUE;
    double warm = Double.MAX_VALUE;
    for (int round = 0; round < rounds; round++) {
      Terms own = Terms.PLAIN.withScope("round " + round);
      cold = Math.min(cold, firstToken(own, 0));
      warm = Math.min(warm, firstToken(own, 1));
    }
    out.printf(
        "first token after a prompt of %d and %d more: %.0f ms, with the first cached %.0f ms, %.1f times%n",
        PREFIX, TURN, 1e3 * cold, 1e3 * warm, cold / warm);
  }

  private double firstToken(Terms terms, int turn) throws InterruptedException {
    int vocabulary = engine.config().vocabulary();
    int[] ids = new Random(1).ints(PREFIX + TURN, 0, vocabulary).toArray();
    System.arraycopy(new Random(turn).ints(TURN, 0, vocabulary).toArray(), 0, ids, PREFIX, TURN);
    Request request = new Request(ids, null, Sampling.GREEDY, 1, Set.of()).withTerms(terms);
    long start = System.nanoTime();
    try (TokenStream stream = engine.submit(request)) {
      stream.next();
      return (System.nanoTime() - start) * 1e-9;
    }
  }

  /// Time from factors in memory to an alias that answers with them.
  private void live() {
    double best = Double.MAX_VALUE;
    for (int round = 0; round < rounds; round++) {
      Adapter adapter = adapter(engine.config(), 1000 + round);
      long start = System.nanoTime();
      engine.adapters().alias("live", engine.adapters().add(adapter).id());
      best = Math.min(best, (System.nanoTime() - start) * 1e-9);
    }
    out.printf("factors of rank 8 from memory to live: %.0f ms%n", 1e3 * best);
  }

  private double best(int streams, List<String> adapters) throws InterruptedException {
    double best = 0;
    for (int round = 0; round < rounds; round++) {
      best = Math.max(best, streams * OUTPUT / generate(streams, OUTPUT, 4, adapters));
    }
    return best;
  }

  /// Seconds from submitting to the last token.
  private double generate(int streams, int tokens, int prompt, List<String> adapters)
      throws InterruptedException {
    runs++;
    long start = System.nanoTime();
    List<TokenStream> open = new ArrayList<>();
    for (int i = 0; i < streams; i++) {
      String adapter = adapters.isEmpty() ? null : adapters.get(i % adapters.size());
      int[] ids = new Random(i).ints(prompt, 0, engine.config().vocabulary()).toArray();
      Terms unshared = Terms.PLAIN.withScope("run " + runs);
      open.add(
          engine.submit(
              new Request(ids, adapter, Sampling.GREEDY, tokens, Set.of()).withTerms(unshared)));
    }
    for (TokenStream stream : open) {
      try (stream) {
        TokenEvent event = stream.next();
        while (event instanceof TokenEvent.Token) {
          event = stream.next();
        }
        if (event instanceof TokenEvent.Failed failed) {
          throw failed.error();
        }
      }
    }
    return (System.nanoTime() - start) * 1e-9;
  }

  private static Adapter adapter(ModelConfig config, int seed) {
    Random random = new Random(seed);
    List<Factor> factors = new ArrayList<>();
    for (int layer = 0; layer < config.layers(); layer++) {
      for (Projection projection : Projection.values()) {
        float[] a = values(random, 8 * config.in(projection));
        float[] b = values(random, 8 * config.out(projection));
        factors.add(new Factor(layer, projection, 8, 1, a, b));
      }
    }
    return new Adapter("bench-" + seed, factors);
  }

  private static float[] values(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (random.nextFloat() - 0.5f) * 0.01f;
    }
    return values;
  }
}
