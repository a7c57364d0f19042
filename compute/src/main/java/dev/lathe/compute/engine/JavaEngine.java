package dev.lathe.compute.engine;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.kernel.Kernel;
import dev.lathe.compute.kernel.KvCache;
import dev.lathe.compute.kernel.Rows;
import dev.lathe.compute.kernel.Workers;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.weights.WeightSource;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.Nullable;

/// The engine in plain Java: packed weights, paged keys and values, continuous batching, an adapter
/// for each stream. A stream's tokens do not depend on what else is in the batch.
///
/// Any thread may submit; one thread of its own computes. Closing ends the streams that still run
/// as cancelled, and frees all memory.
public final class JavaEngine implements Engine {
  private static final int IDLE_ADAPTERS = 16;

  private final ModelConfig config;
  private final EngineSettings settings;
  private final Arena arena;
  private final Workers workers;
  private final Kernel kernel;
  private final KvCache cache;
  private final PagePool pool;
  private final Scheduler scheduler;
  private final Decoder decoder;
  private final AdapterBank adapters;
  private final Batch batch;
  private final Candidates candidates;
  private final List<Live> live = new ArrayList<>();
  private final LinkedBlockingQueue<Runnable> inbox = new LinkedBlockingQueue<>();
  private final Object door = new Object();
  private final Thread thread;
  private boolean closed;
  private boolean stopping;

  /// A stream that has not ended.
  private record Live(
      Sequence sequence,
      Request request,
      Sampler sampler,
      AdapterBank.@Nullable Lease lease,
      QueuedStream stream) {}

  private JavaEngine(
      ModelConfig config,
      EngineSettings settings,
      Arena arena,
      Workers workers,
      Kernel kernel,
      DecoderWeights weights) {
    this.config = config;
    this.settings = settings;
    this.arena = arena;
    this.workers = workers;
    this.kernel = kernel;
    int pages = pages(settings);
    cache = new KvCache(config.layers(), config.kvHeads(), config.headWidth(), pages, arena);
    pool = new PagePool(pages);
    scheduler = new Scheduler(pool, KvCache.SLOTS, settings.maxStreams(), settings.prefillChunk());
    int maxRows = maxRows(settings);
    int maxOutputs = settings.maxStreams();
    decoder = new Decoder(config, weights, cache, kernel, workers, maxRows, maxOutputs);
    adapters = new AdapterBank(config, IDLE_ADAPTERS);
    batch = new Batch(maxRows);
    candidates = new Candidates(config.vocabulary());
    thread = Thread.ofPlatform().daemon().name("lathe-engine").unstarted(this::loop);
  }

  /// Loads a checkpoint. The engine keeps nothing of it: it may be closed afterwards.
  ///
  /// @throws LatheException when the memory does not suffice, with the numbers
  public static JavaEngine open(Checkpoint checkpoint, EngineSettings settings) {
    return open(checkpoint.config(), checkpoint.weights(), settings);
  }

  /// As [#open(Checkpoint, EngineSettings)], from config and weights.
  public static JavaEngine open(ModelConfig config, WeightSource source, EngineSettings settings) {
    return open(config, source, settings, Kernel.best());
  }

  static JavaEngine open(
      ModelConfig config, WeightSource source, EngineSettings settings, Kernel kernel) {
    MemoryCheck.require(config, settings);
    Arena arena = Arena.ofShared();
    Workers workers = new Workers(settings.threads(), "lathe-worker");
    try {
      DecoderWeights weights =
          DecoderWeights.load(config, source, settings.weightStorage(), arena, workers);
      JavaEngine engine = new JavaEngine(config, settings, arena, workers, kernel, weights);
      engine.thread.start();
      return engine;
    } catch (RuntimeException | Error e) {
      workers.close();
      arena.close();
      throw e;
    }
  }

  static int pages(EngineSettings settings) {
    return (settings.kvTokens() + KvCache.SLOTS - 1) / KvCache.SLOTS;
  }

  static int maxRows(EngineSettings settings) {
    return settings.prefillChunk() + settings.maxStreams();
  }

  public ModelConfig config() {
    return config;
  }

  /// What computes, for messages: `vector, 16 lanes, 2 threads, BF16 weights`.
  public String description() {
    return "%s, %d threads, %s weights"
        .formatted(kernel.description(), workers.count(), settings.weightStorage());
  }

  @Override
  public TokenStream submit(Request request) {
    check(request.prompt(), 1);
    checkIds("stop token", request.stopTokens());
    checkIds("logit_bias token", request.sampling().logitBias().keySet());
    if (request.adapter() != null) {
      PackedAdapter.check(config, request.adapter());
    }
    QueuedStream stream = new QueuedStream(this::cancel);
    post(() -> start(request, stream));
    return stream;
  }

  /// Logits after the last token.
  ///
  /// @return `[V]`
  public float[] logits(int[] tokens, @Nullable Adapter adapter) {
    return probe(tokens, adapter, false)[0];
  }

  /// Logits after every token.
  ///
  /// @return `[T][V]`
  public float[][] allLogits(int[] tokens, @Nullable Adapter adapter) {
    return probe(tokens, adapter, true);
  }

  private float[][] probe(int[] tokens, @Nullable Adapter adapter, boolean all) {
    check(tokens, 0);
    if (adapter != null) {
      PackedAdapter.check(config, adapter);
    }
    CompletableFuture<float[][]> answer = new CompletableFuture<>();
    post(() -> {
      try {
        answer.complete(compute(tokens, adapter, all));
      } catch (RuntimeException | Error e) {
        answer.completeExceptionally(e);
      }
    });
    try {
      return answer.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw LatheException.environment("waiting for logits was interrupted", "", e);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw new IllegalStateException(e.getCause());
    }
  }

  /// @param room tokens that must fit behind these
  private void check(int[] tokens, int room) {
    int context = Math.min(config.maxPositions(), scheduler.capacity());
    if (tokens.length + room > context) {
      throw LatheException.capacity(
          "a prompt of %d tokens and %d to come, the model's context is %d and the cache holds %d"
              .formatted(tokens.length, room, config.maxPositions(), scheduler.capacity()),
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

  private void post(Runnable command) {
    synchronized (door) {
      if (closed) {
        throw new IllegalStateException("the engine is closed");
      }
      inbox.add(command);
    }
  }

  private void cancel(QueuedStream stream) {
    synchronized (door) {
      if (!closed) {
        inbox.add(() -> end(stream));
      }
    }
  }

  // ---- from here on, the engine's own thread

  private void loop() {
    while (!stopping) {
      takeCommands();
      if (!stopping && !scheduler.isIdle()) {
        step();
      }
    }
    List.copyOf(live).forEach(each -> finish(each, TokenEvent.Reason.CANCELLED));
    adapters.close();
  }

  private void takeCommands() {
    try {
      Runnable command = scheduler.isIdle() ? inbox.take() : inbox.poll();
      while (command != null) {
        command.run();
        command = inbox.poll();
      }
    } catch (InterruptedException e) {
      stopping = true;
    }
  }

  private void start(Request request, QueuedStream stream) {
    AdapterBank.Lease lease = null;
    try {
      lease = request.adapter() == null ? null : adapters.acquire(request.adapter());
      int context = Math.min(config.maxPositions(), scheduler.capacity());
      int limit = (int) Math.min((long) request.prompt().length + request.maxTokens(), context);
      Sequence sequence = new Sequence(request.prompt(), limit, lease == null ? 0 : lease.group());
      Sampler sampler = new Sampler(request, kernel, config.vocabulary());
      scheduler.add(sequence);
      Live each = new Live(sequence, request, sampler, lease, stream);
      live.add(each);
      if (sampler.mustStop()) {
        finish(each, TokenEvent.Reason.STOP);
      }
    } catch (RuntimeException | Error e) {
      adapters.release(lease);
      stream.deliver(new TokenEvent.Failed(failure(e)));
    }
  }

  private void end(QueuedStream stream) {
    for (Live each : live) {
      if (each.stream() == stream) {
        finish(each, TokenEvent.Reason.CANCELLED);
        return;
      }
    }
  }

  private void step() {
    List<Scheduler.Entry> entries = scheduler.plan();
    try {
      fill(entries);
      decoder.forward(batch);
      Rows logits = decoder.head(batch, 0, batch.outputs);
      int output = 0;
      for (Scheduler.Entry entry : entries) {
        entry.sequence().advance(entry.count());
        if (entry.last()) {
          choose(find(entry.sequence()), logits, output++);
        }
      }
    } catch (RuntimeException | Error e) {
      for (Scheduler.Entry entry : entries) {
        fail(entry.sequence(), e);
      }
    }
  }

  private void fill(List<Scheduler.Entry> entries) {
    batch.clear();
    for (Scheduler.Entry entry : entries) {
      Sequence sequence = entry.sequence();
      AdapterBank.Lease lease = find(sequence).lease();
      for (int page = entry.first() / KvCache.SLOTS; page < sequence.pageCount(); page++) {
        cache.touch(sequence.pages()[page]);
      }
      for (int position = entry.first(); position < entry.first() + entry.count(); position++) {
        boolean wanted = entry.last() && position == sequence.length() - 1;
        batch.add(
            sequence.token(position),
            position,
            sequence.pages(),
            lease == null ? null : lease.packed(),
            wanted);
      }
    }
  }

  private Live find(Sequence sequence) {
    for (Live each : live) {
      if (each.sequence() == sequence) {
        return each;
      }
    }
    throw new IllegalStateException("a sequence without a stream");
  }

  private void choose(Live each, Rows logits, int output) {
    Sequence sequence = each.sequence();
    try {
      int token = each.sampler().next(sequence, logits.values(), logits.at(output), candidates);
      if (each.request().stopTokens().contains(token)) {
        finish(each, TokenEvent.Reason.STOP);
        return;
      }
      if (sequence.length() < sequence.limit()) {
        sequence.append(token);
        each.stream().deliver(new TokenEvent.Token(token));
        each.sampler().accept(token);
      }
    } catch (RuntimeException e) {
      fail(sequence, e);
      return;
    }
    if (each.sampler().mustStop()) {
      finish(each, TokenEvent.Reason.STOP);
    } else if (sequence.length() == sequence.limit()) {
      finish(each, TokenEvent.Reason.LENGTH);
    }
  }

  private void finish(Live each, TokenEvent.Reason reason) {
    Sequence sequence = each.sequence();
    drop(each);
    each.stream()
        .deliver(new TokenEvent.Finished(reason, sequence.promptLength(), sequence.outputLength()));
  }

  private void fail(Sequence sequence, Throwable thrown) {
    for (Live each : List.copyOf(live)) {
      if (each.sequence() == sequence) {
        drop(each);
        each.stream().deliver(new TokenEvent.Failed(failure(thrown)));
      }
    }
  }

  private void drop(Live each) {
    live.remove(each);
    scheduler.remove(each.sequence());
    adapters.release(each.lease());
  }

  private static LatheException failure(Throwable thrown) {
    return thrown instanceof LatheException known
        ? known
        : new LatheException(
            LatheException.Kind.INTERNAL, "the engine's step failed: " + thrown, "", thrown);
  }

  private float[][] compute(int[] tokens, @Nullable Adapter adapter, boolean all) {
    Sequence sequence = new Sequence(tokens, tokens.length, 0);
    AdapterBank.Lease lease = adapter == null ? null : adapters.acquire(adapter);
    try {
      reserve(sequence);
      float[][] result = new float[all ? tokens.length : 1][];
      while (sequence.pending() > 0) {
        part(sequence, lease, all, result);
      }
      return result;
    } finally {
      sequence.releaseInto(pool);
      adapters.release(lease);
    }
  }

  private void reserve(Sequence sequence) {
    int pages = (sequence.length() + KvCache.SLOTS - 1) / KvCache.SLOTS;
    if (pages > pool.free()) {
      throw LatheException.capacity(
          "%d tokens need %d pages of the cache, %d are free"
              .formatted(sequence.length(), pages, pool.free()),
          "wait until running streams have ended or raise kv_tokens");
    }
    for (int page = 0; page < pages; page++) {
      sequence.addPage(pool.take());
      cache.touch(sequence.pages()[page]);
    }
  }

  private void part(
      Sequence sequence, AdapterBank.@Nullable Lease lease, boolean all, float[][] result) {
    int first = sequence.computed();
    int count = Math.min(sequence.pending(), settings.prefillChunk());
    batch.clear();
    for (int position = first; position < first + count; position++) {
      boolean wanted = all || position == sequence.length() - 1;
      PackedAdapter packed = lease == null ? null : lease.packed();
      batch.add(sequence.token(position), position, sequence.pages(), packed, wanted);
    }
    decoder.forward(batch);
    for (int output = 0; output < batch.outputs; output += decoder.maxOutputs()) {
      int some = Math.min(decoder.maxOutputs(), batch.outputs - output);
      Rows logits = decoder.head(batch, output, some);
      for (int i = 0; i < some; i++) {
        int at = logits.at(i);
        result[all ? first + output + i : 0] =
            Arrays.copyOfRange(logits.values(), at, at + config.vocabulary());
      }
    }
    sequence.advance(count);
  }

  @Override
  public void close() {
    synchronized (door) {
      if (closed) {
        return;
      }
      closed = true;
      inbox.add(() -> stopping = true);
    }
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    workers.close();
    arena.close();
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
