package dev.lathe.compute.engine;

import dev.lathe.compute.FreeMemory;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.kernel.CacheType;
import dev.lathe.compute.kernel.Kernel;
import dev.lathe.compute.kernel.Storage;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.weights.WeightSource;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// The engine: continuous batching over the pages of a [Runner], an adapter for each stream. Opened
/// with [#open], it computes in plain Java from packed weights. A stream's tokens do not depend on
/// what else is in the batch.
///
/// Any thread may submit; one thread of its own computes. Closing ends the streams that still run
/// as cancelled, and frees all memory.
public final class JavaEngine implements Engine {
  private final ModelConfig config;
  private final EngineSettings settings;
  private final Runner runner;
  private final Kernel kernel;
  private final Optional<Drafter> drafter;
  private final AdapterPool adapters;
  private final EngineLoop loop;
  private final Candidates candidates;
  private boolean closed;

  private JavaEngine(
      ModelConfig config,
      EngineSettings settings,
      Runner runner,
      Kernel kernel,
      Optional<Drafter> drafter) {
    this.config = config;
    this.settings = settings;
    this.runner = runner;
    this.kernel = kernel;
    this.drafter = drafter;
    adapters = new AdapterPool(config, runner, settings.adapterBytes(), this::forget);
    loop =
        new EngineLoop(
            new Scheduler(
                new PagePool(settings.pages()),
                Runner.PAGE_TOKENS,
                settings.maxStreams(),
                System::nanoTime),
            new WaitingRoom(settings.maxStreams(), settings.maxWaiting(), System::nanoTime),
            runner,
            adapters,
            drafter.map(Speculator::new),
            new Batch(settings.maxRows()),
            new Pace(settings.prefillChunk()));
    candidates = new Candidates(config.vocabulary());
  }

  /// Loads a checkpoint. The engine keeps nothing of it: it may be closed afterwards.
  ///
  /// @throws LatheException when the memory does not suffice, with the numbers
  public static JavaEngine open(Checkpoint checkpoint, EngineSettings settings) {
    return open(checkpoint, settings, new Speculation.Off());
  }

  /// As [#open(Checkpoint, EngineSettings)], with tokens guessed ahead.
  ///
  /// @throws LatheException also when the draft model is absent, damaged or too large
  public static JavaEngine open(
      Checkpoint checkpoint, EngineSettings settings, Speculation speculation) {
    Kernel kernel = Kernel.best();
    ModelConfig config = checkpoint.config();
    Runner runner = JavaRunner.open(config, checkpoint.weights(), settings, kernel);
    try {
      Optional<Drafter> drafter = drafter(speculation, checkpoint, settings, kernel);
      return over(runner, config, settings, kernel, drafter);
    } catch (RuntimeException | Error e) {
      runner.close();
      throw e;
    }
  }

  private static Optional<Drafter> drafter(
      Speculation speculation, Checkpoint large, EngineSettings settings, Kernel kernel) {
    return switch (speculation) {
      case Speculation.Off _ -> Optional.empty();
      case Speculation.LookUp _ -> Optional.of(new LookUpDrafter());
      case Speculation.Draft(Path model) -> Optional.of(drafter(model, large, settings, kernel));
    };
  }

  private static Drafter drafter(
      Path model, Checkpoint large, EngineSettings settings, Kernel kernel) {
    try (Checkpoint small = Checkpoint.open(model)) {
      ModelConfig config = small.config();
      long own = bytesOfAToken(small, settings);
      long others = bytesOfAToken(large, settings);
      double cost = (double) own / others;
      if (Speculator.count(ModelDrafter.FIRST_BELIEF, 1, cost) == 0) {
        throw LatheException.user(
            "a token of the draft model reads %,d KiB, one of the model %,d KiB: guessing would take longer than choosing"
                .formatted(own >> 10, others >> 10),
            "take a draft model of less than half the size, or the same one in fewer bits");
      }
      FreeMemory free = MemoryCheck.beside(large.config(), settings, FreeMemory.now());
      MemoryCheck.require(config, small.weights(), settings, free);
      Runner runner = JavaRunner.open(config, small.weights(), settings, kernel);
      return new ModelDrafter(runner, kernel, settings, config, large.config().vocabulary(), cost);
    }
  }

  /// Bytes of all matrices that a token passes, without what pads them.
  private static long bytesOfAToken(Checkpoint model, EngineSettings settings) {
    ModelConfig config = model.config();
    long weights = (long) config.vocabulary() * config.width();
    for (ModelConfig.Projection projection : ModelConfig.Projection.values()) {
      weights += (long) config.in(projection) * config.out(projection) * config.layers();
    }
    double packed = bytes(model, settings.weightStorage());
    return Math.round(Float.BYTES * weights * packed / bytes(model, Storage.F32));
  }

  private static long bytes(Checkpoint model, Storage storage) {
    return DecoderWeights.bytes(model.config(), model.weights(), storage).values().stream()
        .mapToLong(Long::longValue)
        .sum();
  }

  /// As [#open(Checkpoint, EngineSettings)], from config and weights.
  public static JavaEngine open(ModelConfig config, WeightSource source, EngineSettings settings) {
    return open(config, source, settings, Kernel.best());
  }

  static JavaEngine open(
      ModelConfig config, WeightSource source, EngineSettings settings, Kernel kernel) {
    return open(config, source, settings, kernel, Optional.empty());
  }

  static JavaEngine open(
      ModelConfig config,
      WeightSource source,
      EngineSettings settings,
      Kernel kernel,
      Optional<Drafter> drafter) {
    Runner runner = JavaRunner.open(config, source, settings, kernel);
    return over(runner, config, settings, kernel, drafter);
  }

  /// An engine that computes with another runner, which it closes.
  ///
  /// @param runner opened with the same config and settings
  public static JavaEngine over(Runner runner, ModelConfig config, EngineSettings settings) {
    return over(runner, config, settings, Kernel.best(), Optional.empty());
  }

  private static JavaEngine over(
      Runner runner,
      ModelConfig config,
      EngineSettings settings,
      Kernel kernel,
      Optional<Drafter> drafter) {
    JavaEngine engine = new JavaEngine(config, settings, runner, kernel, drafter);
    engine.loop.begin();
    return engine;
  }

  public ModelConfig config() {
    return config;
  }

  /// How far a logit may be from that of a decoder in fp32, beside what all logits have in common,
  /// because weights, keys, values or activations are kept in fewer bits. More than was measured; 0
  /// where nothing is rounded.
  public double rounding() {
    return switch (settings.weightStorage()) {
      case F32 -> settings.cacheType() == CacheType.F32 ? 0 : 0.5;
      case AUTO, BF16 -> 0.5;
      case INT8 -> 1;
      case INT4 -> 2;
    };
  }

  /// As [Runner#description].
  public String description() {
    return runner.description();
  }

  @Override
  public TokenStream submit(Request request) {
    check(request.prompt(), Math.min(1, request.maxTokens()));
    checkIds("stop token", request.stopTokens());
    checkIds("logit_bias token", request.sampling().logitBias().keySet());
    int[] prompt = request.prompt();
    int limit = (int) Math.min((long) prompt.length + request.maxTokens(), context());
    boolean scoring = request.logprobs().prompt() >= 0;
    int last = prompt.length - 1;
    int wanted = scoring ? Math.min(request.logprobs().promptFrom() - 1, last) : last;
    AdapterPool.Lease lease = acquire(request.adapter());
    QueuedStream stream =
        new QueuedStream(
            Optional.ofNullable(lease).map(AdapterPool.Lease::version),
            closing ->
                loop.cancel(task ->
                    task instanceof Generation generation && generation.stream() == closing));
    start(
        request.terms(),
        lease,
        () ->
            new Generation(
                request,
                new Sequence(prompt, limit, number(lease), wanted, request.terms()),
                new Sampler(request, kernel, candidates),
                lease,
                stream),
        error -> stream.deliver(new TokenEvent.Failed(error)));
    return stream;
  }

  private AdapterPool.@Nullable Lease acquire(@Nullable String adapter) {
    return adapter == null ? null : adapters.acquire(adapter);
  }

  private static int number(AdapterPool.@Nullable Lease lease) {
    return lease == null ? 0 : lease.number();
  }

  private void start(
      Terms terms,
      AdapterPool.@Nullable Lease lease,
      Supplier<Task> maker,
      EngineLoop.Failure failed) {
    try {
      loop.start(terms, lease, maker, failed);
    } catch (RuntimeException e) {
      adapters.release(lease);
      throw e;
    }
  }

  private void forget(int adapter) {
    loop.forget(adapter);
  }

  private int context() {
    return Math.min(config.maxPositions(), capacity());
  }

  /// Tokens that the whole cache holds.
  private int capacity() {
    return Math.multiplyExact(settings.pages(), Runner.PAGE_TOKENS);
  }

  @Override
  public List<float[]> embed(
      List<int[]> texts, @Nullable String adapter, Pooling pooling, Terms terms)
      throws InterruptedException {
    texts.forEach(this::checkText);
    List<float[]> vectors = new ArrayList<>();
    Deque<CompletableFuture<float[]>> underWay = new ArrayDeque<>();
    try {
      while (vectors.size() < texts.size()) {
        int next = vectors.size() + underWay.size();
        boolean more = next < texts.size() && underWay.size() < settings.maxStreams();
        if (!more || !embed(texts.get(next), adapter, pooling, terms, underWay)) {
          vectors.add(await(underWay.remove()));
        }
      }
      return vectors;
    } finally {
      if (!underWay.isEmpty()) {
        underWay.forEach(answer -> answer.cancel(true));
        loop.cancel(task -> task instanceof EmbeddingTask text && text.answer().isCancelled());
      }
    }
  }

  /// Starts one text; false when it has to wait until one of those under way has ended.
  private boolean embed(
      int[] text,
      @Nullable String adapter,
      Pooling pooling,
      Terms terms,
      Deque<CompletableFuture<float[]>> underWay) {
    int wanted =
        switch (pooling) {
          case MEAN -> 0;
          case LAST -> text.length - 1;
        };
    CompletableFuture<float[]> answer = new CompletableFuture<>();
    AdapterPool.Lease lease = acquire(adapter);
    try {
      start(
          terms,
          lease,
          () ->
              new EmbeddingTask(
                  new Sequence(text, text.length, number(lease), wanted, terms),
                  lease,
                  answer,
                  config.width()),
          answer::completeExceptionally);
    } catch (LatheException e) {
      if (e.kind() == LatheException.Kind.OVERLOADED && !underWay.isEmpty()) {
        return false;
      }
      throw e;
    }
    underWay.add(answer);
    return true;
  }

  /// Logits after the last token.
  ///
  /// @param adapter id or alias of one of [#adapters], or none
  /// @return `[V]`
  public float[] logits(int[] tokens, @Nullable String adapter) {
    return probe(tokens, adapter, false)[0];
  }

  /// Logits after every token.
  ///
  /// @param adapter id or alias of one of [#adapters], or none
  /// @return `[T][V]`
  public float[][] allLogits(int[] tokens, @Nullable String adapter) {
    return probe(tokens, adapter, true);
  }

  private float[][] probe(int[] tokens, @Nullable String adapter, boolean all) {
    checkText(tokens);
    int wanted = all ? 0 : tokens.length - 1;
    CompletableFuture<float[][]> answer = new CompletableFuture<>();
    AdapterPool.Lease lease = acquire(adapter);
    start(
        Terms.PLAIN,
        lease,
        () ->
            new LogitsTask(
                new Sequence(tokens, tokens.length, number(lease), wanted, Terms.PLAIN),
                lease,
                answer,
                config.vocabulary()),
        answer::completeExceptionally);
    try {
      return await(answer);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw LatheException.environment("waiting for logits was interrupted", "", e);
    }
  }

  private static <T> T await(CompletableFuture<T> answer) throws InterruptedException {
    try {
      return answer.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw new IllegalStateException(e.getCause());
    }
  }

  private void checkText(int[] tokens) {
    check(tokens, 0);
    if (tokens.length == 0) {
      throw new IllegalArgumentException("no tokens");
    }
  }

  /// @param room tokens that must fit behind these
  private void check(int[] tokens, int room) {
    if (tokens.length + room > context()) {
      throw LatheException.capacity(
          "a prompt of %d tokens and %d to come, the model's context is %d and the cache holds %d"
              .formatted(tokens.length, room, config.maxPositions(), capacity()),
          "shorten the prompt or raise kv_tokens");
    }
    for (int token : tokens) {
      checkId("token", token);
    }
  }

  private void checkIds(String what, Set<Integer> ids) {
    for (int id : ids) {
      checkId(what, id);
    }
  }

  private void checkId(String what, int id) {
    if (id < 0 || id >= config.vocabulary()) {
      throw LatheException.user(
          "%s %d is outside the vocabulary of %d".formatted(what, id, config.vocabulary()),
          "use the model's own tokenizer");
    }
  }

  @Override
  public AdapterPool adapters() {
    return adapters;
  }

  @Override
  public EngineStatus status() throws InterruptedException {
    return loop.status();
  }

  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    loop.close();
    adapters.close();
    drafter.ifPresent(Drafter::close);
    runner.close();
  }
}
