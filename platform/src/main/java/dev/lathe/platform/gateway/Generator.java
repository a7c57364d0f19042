package dev.lathe.platform.gateway;

import dev.lathe.compute.FirstFew;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.adapter.Adapter;
import dev.lathe.compute.engine.AdapterPool;
import dev.lathe.compute.engine.AdapterVersion;
import dev.lathe.compute.engine.EngineSettings;
import dev.lathe.compute.engine.EngineStatus;
import dev.lathe.compute.engine.JavaEngine;
import dev.lathe.compute.engine.Pooling;
import dev.lathe.compute.engine.Request;
import dev.lathe.compute.engine.Speculation;
import dev.lathe.compute.engine.Terms;
import dev.lathe.compute.engine.TokenConstraint;
import dev.lathe.compute.grammar.CompiledGrammar;
import dev.lathe.compute.grammar.Grammar;
import dev.lathe.compute.grammar.GrammarSource;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.text.ChatTemplate;
import dev.lathe.compute.text.StreamDecoder;
import dev.lathe.compute.text.Tokenizer;
import dev.lathe.compute.tool.CallForm;
import dev.lathe.compute.tool.CallParser;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// One base model that answers. Any number of threads may ask; whoever opens it closes it, which
/// ends all replies and frees the memory.
public final class Generator implements AutoCloseable {
  private static final int PROBLEMS_SHOWN = 8;

  private final JavaEngine engine;
  private final TextSide text;
  private final ModelConfig config;
  private final int context;
  private final int window;
  private final AdapterCheck adapters;
  private final Path model;
  private @Nullable ModelFacts facts;

  /// @param context most tokens of prompt and reply together
  /// @param window requests that [#askAll] keeps under way
  /// @param adapters reads and checks adapters
  private Generator(
      JavaEngine engine,
      TextSide text,
      ModelConfig config,
      int context,
      int window,
      AdapterCheck adapters,
      Path model) {
    this.engine = engine;
    this.text = text;
    this.config = config;
    this.context = context;
    this.window = window;
    this.adapters = adapters;
    this.model = model;
  }

  /// An adapter that fits this model and that asks can name.
  ///
  /// @param note what a person should know about it, one line
  public record Loaded(AdapterVersion adapter, Optional<String> note) {}

  /// What is told about each reply of a batch.
  @FunctionalInterface
  public interface Listener {
    /// The reply to `asks.get(index)`, in the order of the asks.
    void replied(int index, Reply reply);
  }

  /// Opens a model.
  ///
  /// @param model a Hugging Face directory or a GGUF file
  /// @throws LatheException when it is absent or damaged, or the memory does not suffice
  public static Generator open(Path model, EngineSettings settings) {
    return open(model, settings, settings.kvTokens(), JavaEngine::open, _ -> {});
  }

  /// Opens a model whose engine guesses tokens ahead.
  ///
  /// @param context most tokens of prompt and reply together, or as many as the model has where
  ///   that is less; the cache is made smaller in proportion
  /// @throws LatheException as [#open(Path, EngineSettings)], or when the draft model is not there,
  ///   does not fit or has other tokens
  public static Generator open(
      Path model, EngineSettings settings, int context, Speculation speculation) {
    return open(
        model,
        settings,
        context,
        (checkpoint, asked) ->
            JavaEngine.open(checkpoint, fitting(checkpoint, asked, context), speculation),
        speculation instanceof Speculation.Draft(Path draft)
            ? text -> text.requireSameTokens(draft)
            : _ -> {});
  }

  /// Opens a model with an engine over another runner.
  ///
  /// @param context most tokens of prompt and reply together, or as many as the model has where
  ///   that is less; the cache is made smaller in proportion
  /// @param opener loads the checkpoint, which is closed afterwards
  /// @throws LatheException as [#open(Path, EngineSettings)], or when the opener refuses
  public static Generator open(
      Path model,
      EngineSettings settings,
      int context,
      BiFunction<Checkpoint, EngineSettings, JavaEngine> opener) {
    return open(
        model,
        settings,
        context,
        (checkpoint, asked) -> opener.apply(checkpoint, fitting(checkpoint, asked, context)),
        _ -> {});
  }

  /// The settings with a cache for as many replies as before, of a context that the model has.
  private static EngineSettings fitting(
      Checkpoint checkpoint, EngineSettings settings, int context) {
    long most = Math.min(context, checkpoint.config().maxPositions());
    return settings.withKvTokens((int) Math.ceilDiv(settings.kvTokens() * most, context));
  }

  private static Generator open(
      Path model,
      EngineSettings settings,
      int context,
      BiFunction<Checkpoint, EngineSettings, JavaEngine> opener,
      Consumer<TextSide> textCheck) {
    try (Checkpoint checkpoint = Checkpoint.open(model);
        ExecutorService beside = Executors.newSingleThreadExecutor()) {
      Future<TextSide> read = beside.submit(() -> textSide(checkpoint, textCheck));
      JavaEngine engine;
      try {
        engine = opener.apply(checkpoint, settings);
      } catch (RuntimeException | Error e) {
        closeText(read);
        throw e;
      }
      TextSide text;
      try {
        text = finished(read);
      } catch (RuntimeException | Error e) {
        engine.close();
        throw e;
      }
      ModelConfig config = checkpoint.config();
      int most = Math.min(context, Math.min(config.maxPositions(), settings.kvTokens()));
      AdapterCheck check = new AdapterCheck(model, config, text, engine);
      return new Generator(engine, text, config, most, 4 * settings.maxStreams(), check, model);
    }
  }

  private static TextSide textSide(Checkpoint checkpoint, Consumer<TextSide> check) {
    Tokenizer tokenizer = Tokenizer.open(checkpoint);
    try {
      TextSide text =
          TextSide.of(
              tokenizer, checkpoint.config().eosTokenIds(), () -> ChatTemplate.of(checkpoint));
      check.accept(text);
      return text;
    } catch (RuntimeException | Error e) {
      tokenizer.close();
      throw e;
    }
  }

  private static TextSide finished(Future<TextSide> read) {
    try {
      return read.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw new IllegalStateException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw LatheException.environment("opening the model was interrupted", "", e);
    }
  }

  private static void closeText(Future<TextSide> read) {
    try {
      finished(read).tokenizer().close();
    } catch (RuntimeException secondary) {
      // the first failure is the one to tell
    }
  }

  /// Reads an adapter directory and checks that it belongs to this model.
  ///
  /// @throws LatheException when it does not, with the reason
  public Loaded load(Path directory) {
    return adapters.load(directory);
  }

  /// Makes an adapter answer that lies in memory, as a trainer in this process gives it: checked,
  /// taken in and named by the alias from the next ask on, without touching the disk. Replies under
  /// way finish on the version they began with, which is freed then.
  ///
  /// @param alias a name that asks give; whatever it stood for before
  /// @param proofs prompts and what the trainer answers to them; may be empty
  /// @return the version that the alias now stands for
  /// @throws LatheException when the factors do not fit the base or the memory, or the engine does
  ///   not answer as the trainer does; the alias stays what it was then
  public AdapterVersion publish(String alias, Adapter adapter, List<Proof> proofs) {
    return adapters.publish(alias, adapter, proofs);
  }

  /// The adapters that asks can name.
  public AdapterPool adapters() {
    return engine.adapters();
  }

  /// Running and waiting requests, the cache and what was done so far.
  public EngineStatus status() throws InterruptedException {
    return engine.status();
  }

  /// What holds replies of this model to a grammar, for any number of asks. The grammar is compiled
  /// now, unless it was of late.
  ///
  /// @throws LatheException when the grammar is too large or allows nothing
  public Supplier<TokenConstraint> constraint(Grammar grammar) {
    return held(text.grammars().compile(grammar));
  }

  /// As [#constraint(Grammar)], of a grammar that is read only where it is not kept.
  ///
  /// @throws LatheException when it cannot be held to
  /// @throws java.util.concurrent.CancellationException when the thread is interrupted
  public Supplier<TokenConstraint> constraint(GrammarSource source) {
    return held(text.grammars().compile(source));
  }

  /// What holds replies to a grammar that is kept; nothing where it has to be read first.
  public Optional<Supplier<TokenConstraint>> kept(GrammarSource source) {
    return text.grammars().kept(source).map(Generator::held);
  }

  private static Supplier<TokenConstraint> held(CompiledGrammar grammar) {
    return () -> new GrammarConstraint(grammar.start());
  }

  /// What the answer to a prompt may be where a grammar is asked for: where the model may think
  /// first, its thoughts are free, and what comes after them is held to the grammar.
  ///
  /// @param prompt as [#encode] gives it
  public GrammarSource afterThoughts(GrammarSource source, int[] prompt) {
    return text.afterThoughts(source, prompt);
  }

  /// Forgets an adapter; requests that have begun finish with it.
  ///
  /// @param id of its version
  /// @throws LatheException when there is none
  public void unload(String id) {
    engine.adapters().remove(id);
  }

  /// How this model writes calls of tools: offers them in a conversation, says what a reply may be,
  /// and reads calls out of it.
  public CallForm callForm() {
    return text.callForm();
  }

  /// Starts a reply.
  ///
  /// @throws LatheException when the prompt does not fit the context, or is a conversation and the
  ///   model has no chat template
  public ReplyStream ask(Ask ask) {
    return ask(ask, text.encode(ask.prompt()), text.decoder(ask.prompt()), TokenListener.NONE);
  }

  /// Starts a reply and reads it in a certain way.
  ///
  /// @param listener is told of its tokens
  /// @throws LatheException as [#ask]
  public AnswerStream answer(Ask ask, AnswerStream.Reading reading, TokenListener listener) {
    int[] prompt = text.encode(ask.prompt());
    ReplyStream reply = ask(ask, prompt, text.decoder(reading), listener);
    boolean apart = reading != AnswerStream.Reading.WHOLE;
    Optional<CallParser> parser =
        reading == AnswerStream.Reading.CALLS ? Optional.of(callForm().parser()) : Optional.empty();
    boolean inside = apart && text.endsInThoughts(prompt);
    return new AnswerStream(reply, apart && text.thinks(), inside, parser);
  }

  /// Texts as vectors of length 1. Waits for all.
  ///
  /// @param texts token ids, at least one each
  /// @param adapter id or alias of an adapter of the generator; or none
  /// @throws LatheException when one does not fit the context, or too many requests wait
  public List<float[]> embed(
      List<int[]> texts, @Nullable String adapter, Pooling pooling, Terms terms)
      throws InterruptedException {
    return engine.embed(texts, adapter, pooling, terms);
  }

  /// The tokens of a prompt.
  ///
  /// @throws LatheException when it is a conversation and the model has no chat template, or one
  ///   that refuses it
  public int[] encode(Prompt prompt) {
    return text.encode(prompt);
  }

  /// The tokens of a prompt that is to have at most so many.
  ///
  /// @throws LatheException as [#encode(Prompt)]; of the kind CAPACITY when it certainly has more,
  ///   which is found out without encoding all of it. It may have somewhat more all the same
  public int[] encode(Prompt prompt, int most) {
    return text.encode(prompt, most);
  }

  /// The tokens of a conversation.
  ///
  /// @param opening whether the beginning of an answer follows
  /// @throws LatheException when the model has no chat template, or one that refuses it
  public int[] encode(Prompt.Chat chat, boolean opening) {
    return text.encode(chat, opening);
  }

  public Tokenizer tokenizer() {
    return text.tokenizer();
  }

  /// What computes and how the weights are kept, for messages: `vector, 16 lanes, 2 threads,
  /// weights Q4_1, Q8_0`.
  public String description() {
    return engine.description();
  }

  /// What kind of model it is.
  public ModelConfig config() {
    return config;
  }

  /// What else can be told about the model; its files are looked at when first asked for.
  ///
  /// @throws LatheException when they are gone
  public synchronized ModelFacts facts() {
    if (facts == null) {
      facts = ModelFacts.of(model, text.template());
    }
    return facts;
  }

  /// Most tokens of prompt and reply together.
  public int context() {
    return context;
  }

  /// Whether answers can begin with thoughts between `<think>` and `</think>`.
  public boolean thinks() {
    return text.thinks();
  }

  /// Whether the chat template may read a variable, so that its value can change the prompt.
  public boolean reads(String variable) {
    return text.reads(variable);
  }

  private ReplyStream ask(Ask ask, int[] prompt, StreamDecoder decoder, TokenListener listener) {
    Until until = ask.until();
    int room = Math.max(1, context - prompt.length);
    Set<Integer> ends = new LinkedHashSet<>(until.stopTokens());
    if (!until.ignoresEnd()) {
      ends.addAll(text.stopTokens());
    }
    Request request =
        new Request(
            prompt,
            ask.adapter(),
            ask.sampling(),
            Math.min(until.maxTokens(), room),
            ends,
            Math.min(until.minTokens(), room),
            ask.constraint(),
            ask.logprobs(),
            ask.terms());
    long began = System.nanoTime();
    return new ReplyStream(began, engine.submit(request), decoder, until, prompt.length, listener);
  }

  /// Answers many at once, as many side by side as the engine has streams.
  ///
  /// @param listener is told each reply, in the order of the asks, as soon as those before it are
  ///   there
  /// @return the replies in the order of the asks
  /// @throws LatheException when prompts do not fit; all are named by their place, from 1, before
  ///   anything is generated
  public List<Reply> askAll(List<Ask> asks, Listener listener) throws InterruptedException {
    List<int[]> prompts = asks.stream().map(ask -> text.encode(ask.prompt())).toList();
    requireFit(prompts);
    List<Reply> replies = new ArrayList<>();
    Deque<ReplyStream> underWay = new ArrayDeque<>();
    int submitted = 0;
    try {
      while (replies.size() < asks.size()) {
        while (submitted < asks.size() && underWay.size() < window) {
          underWay.add(
              ask(
                  asks.get(submitted),
                  prompts.get(submitted),
                  text.decoder(asks.get(submitted).prompt()),
                  TokenListener.NONE));
          submitted++;
        }
        try (ReplyStream oldest = underWay.remove()) {
          Reply reply = oldest.readAll();
          listener.replied(replies.size(), reply);
          replies.add(reply);
        }
      }
    } finally {
      underWay.forEach(ReplyStream::close);
    }
    return replies;
  }

  private void requireFit(List<int[]> prompts) {
    List<String> problems = new ArrayList<>();
    for (int i = 0; i < prompts.size(); i++) {
      int length = prompts.get(i).length;
      if (length == 0 || length >= context) {
        problems.add("prompt " + (i + 1) + " has " + length + " tokens");
      }
    }
    if (!problems.isEmpty()) {
      throw LatheException.capacity(
          FirstFew.of(problems, PROBLEMS_SHOWN, ", ", " and ")
              + "; a prompt has at least 1 token and, with one of the reply, at most "
              + context,
          "change these prompts, or raise --context up to what the model was trained for");
    }
  }

  @Override
  public void close() {
    engine.close();
    text.tokenizer().close();
  }
}
