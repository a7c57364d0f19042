package dev.lathe.app.http.serving;

import dev.lathe.app.http.Call;
import dev.lathe.app.http.Fault;
import dev.lathe.app.http.Refusal;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.engine.Pooling;
import dev.lathe.compute.engine.Terms;
import dev.lathe.compute.engine.TokenConstraint;
import dev.lathe.compute.grammar.Grammar;
import dev.lathe.compute.text.Conversation;
import dev.lathe.compute.tool.CallForm;
import dev.lathe.compute.tool.ToolChoice;
import dev.lathe.platform.access.Caller;
import dev.lathe.platform.gateway.AnswerStream;
import dev.lathe.platform.gateway.Answers;
import dev.lathe.platform.gateway.Ask;
import dev.lathe.platform.gateway.Generator;
import dev.lathe.platform.gateway.Prompt;
import dev.lathe.platform.gateway.Reply;
import dev.lathe.platform.gateway.ServedModels;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// The way from a route to the gateway, with errors as clients know them.
public final class Serving {
  /// What a route that asks a model may answer instead.
  public static final List<Fault> FAULTS =
      List.of(
          Fault.MODEL_NOT_FOUND,
          Fault.CONTEXT_LENGTH_EXCEEDED,
          Fault.OVERLOADED,
          Fault.TOO_MANY_STREAMS,
          Fault.DEADLINE);

  private final ServedModels models;
  private final Duration maxTime;
  private final Semaphore reading = new Semaphore(1, true);
  private final Traffic traffic;

  /// @param maxTime longest time that an answer may take, waiting included
  /// @param registry takes the figures of what is asked and answered
  public Serving(ServedModels models, Duration maxTime, MeterRegistry registry) {
    this.models = models;
    this.traffic = new Traffic(registry, models::nameOf);
    this.maxTime = maxTime;
  }

  public ServedModels models() {
    return models;
  }

  /// What was asked so far.
  public Traffic traffic() {
    return traffic;
  }

  public Generator generator() {
    return models.generator();
  }

  /// What a model's name stands for.
  ///
  /// @throws Refusal when it stands for nothing
  public ServedModels.Model model(String name) {
    try {
      return models.find(name);
    } catch (LatheException e) {
      throw new Refusal(Fault.MODEL_NOT_FOUND, String.valueOf(e.getMessage()), "model");
    }
  }

  /// On what terms a caller is served.
  ///
  /// @param bucket within one caller, what is computed for one bucket is used again only for the
  ///   same; empty for the usual one
  /// @param priority `[-10, 0]`; less is served later
  public Terms terms(Caller caller, String bucket, int priority) {
    return Terms.PLAIN
        .withUser(caller.keyId())
        .withScope(caller.isolation() + "/" + bucket)
        .withPriority(priority)
        .withMaxTime(maxTime);
  }

  /// Tokens that the model has.
  public int vocabulary() {
    return generator().config().vocabulary();
  }

  /// What holds answers to a grammar; null when they are free. Grammars are read one at a time, so
  /// that those that take long do not take all processors from the engine.
  ///
  /// @param grammar reads it
  /// @param parameter where it stands in the request
  /// @throws Refusal when it cannot be held to
  public @Nullable Supplier<TokenConstraint> constraint(
      Optional<Supplier<Grammar>> grammar, String parameter) throws InterruptedException {
    return grammar.isEmpty()
        ? null
        : alone(parameter, () -> generator().constraint(grammar.get().get()));
  }

  private <T> T alone(String parameter, Supplier<T> work) throws InterruptedException {
    reading.acquire();
    try {
      return named(parameter, work);
    } finally {
      reading.release();
    }
  }

  private static <T> T named(String parameter, Supplier<T> work) {
    try {
      return work.get();
    } catch (LatheException e) {
      throw new Refusal(Fault.INVALID_VALUE, String.valueOf(e.getMessage()), parameter);
    }
  }

  /// A conversation made ready for the engine.
  ///
  /// @param constraint what answers are held to; null when they are free
  /// @param reading how they are read
  public record Ready(
      int[] prompt, @Nullable Supplier<TokenConstraint> constraint, AnswerStream.Reading reading) {}

  /// Makes a conversation ready.
  ///
  /// @throws Refusal when it does not fit the context, the template refuses it, or what the answer
  ///   is to be held to cannot be held to
  public Ready ready(Dialogue dialogue) throws InterruptedException {
    int[] prompt = encode(prompt(dialogue), "messages");
    boolean offers = !dialogue.tools().offered().isEmpty();
    return new Ready(
        prompt,
        offers ? callsOrForm(dialogue, prompt) : form(dialogue, prompt),
        offers ? AnswerStream.Reading.CALLS : AnswerStream.Reading.APART);
  }

  private Prompt.Chat prompt(Dialogue dialogue) {
    Conversation conversation = dialogue.conversation();
    return new Prompt.Chat(
        dialogue.calls()
            ? generator().callForm().offering(dialogue.tools().offered(), conversation)
            : conversation,
        dialogue.variables());
  }

  /// The tokens of a conversation, however many.
  ///
  /// @param opening whether the beginning of an answer follows
  /// @throws Refusal when the template refuses it
  public int[] tokens(Dialogue dialogue, boolean opening) {
    return named("messages", () -> generator().encode(prompt(dialogue), opening));
  }

  private @Nullable Supplier<TokenConstraint> form(Dialogue dialogue, int[] prompt)
      throws InterruptedException {
    return dialogue.grammar().isEmpty()
        ? null
        : alone(
            dialogue.grammarParameter(),
            () -> generator().constraint(dialogue.grammar().get().get(), prompt));
  }

  /// Where the model decides whether it calls, an answer without a call has the form asked for.
  private @Nullable Supplier<TokenConstraint> callsOrForm(Dialogue dialogue, int[] prompt)
      throws InterruptedException {
    Tools tools = dialogue.tools();
    CallForm form = generator().callForm();
    boolean either = tools.choice() instanceof ToolChoice.Auto && dialogue.grammar().isPresent();
    ToolChoice choice = either ? new ToolChoice.Required() : tools.choice();
    return alone(
        "tools",
        () -> {
          Grammar calls = form.grammar(tools.allowed(), choice, tools.parallel()).orElseThrow();
          if (!either) {
            return generator().constraint(calls, prompt);
          }
          Grammar other = named(dialogue.grammarParameter(), dialogue.grammar().orElseThrow());
          return generator().constraint(Grammar.anyOf(List.of(calls, other)), prompt);
        });
  }

  /// The tokens of a prompt that leaves room for an answer.
  ///
  /// @param parameter where the prompt stands in the request
  /// @throws Refusal when it is empty or too long, or the model's template refuses it
  public int[] encode(Prompt prompt, String parameter) {
    int[] tokens;
    try {
      tokens = generator().encode(prompt);
    } catch (LatheException e) {
      throw new Refusal(Fault.INVALID_VALUE, String.valueOf(e.getMessage()), parameter);
    }
    if (tokens.length == 0) {
      throw new Refusal(Fault.INVALID_VALUE, "the prompt has no tokens", parameter);
    }
    if (tokens.length >= generator().context()) {
      throw new Refusal(
          Fault.CONTEXT_LENGTH_EXCEEDED,
          "this model's maximum context length is %d tokens, and the prompt has %d: shorten it"
              .formatted(generator().context(), tokens.length),
          parameter);
    }
    return tokens;
  }

  /// Vectors of texts, for as long as the client is there.
  ///
  /// @throws IOException when the client went away
  public List<float[]> embed(
      Call call, List<int[]> texts, ServedModels.Model model, Pooling pooling, Terms terms)
      throws IOException, InterruptedException {
    Thread self = Thread.currentThread();
    AtomicBoolean gone = new AtomicBoolean();
    try (Traffic.Span span = traffic.begin(model.adapter());
        Call.Watch _ =
            call.watch(() -> {
              gone.set(true);
              self.interrupt();
            })) {
      span.embeds(texts.stream().mapToLong(text -> text.length).sum());
      return generator().embed(texts, model.adapter(), pooling, terms);
    } catch (InterruptedException e) {
      if (gone.get()) {
        throw new IOException("the client went away", e);
      }
      throw e;
    }
  }

  /// A name for a call of a tool, such as the model's template takes back.
  public String callId() {
    boolean nine =
        generator().callForm().call().stream().anyMatch(CallForm.Part.Id.class::isInstance);
    return nine ? Ids.next("", 9) : Ids.next("call_");
  }

  /// Work with answers.
  @FunctionalInterface
  public interface Use {
    void of(Answers answers) throws IOException, InterruptedException;
  }

  /// Has answers generated for as long as the client is there.
  ///
  /// @throws Refusal when a request is refused
  /// @throws IOException when the client went away
  public void answer(Call call, List<Ask> asks, AnswerStream.Reading reading, Use use)
      throws IOException, InterruptedException {
    try (Traffic.Span span = traffic.begin(asks.getFirst().adapter());
        Answers answers = Answers.begin(generator(), asks, reading, span);
        Call.Watch _ = call.watch(answers::close)) {
      try {
        use.of(answers);
      } finally {
        span.ended(answers);
      }
    }
  }

  /// The refusal that an end amounts to which left the answer incomplete: the client is gone and
  /// reads nothing, or the server stops, or the time was over. None for any other end.
  public static Optional<Refusal> incomplete(Reply reply) {
    return switch (reply.ending()) {
      case STOP, LENGTH -> Optional.empty();
      case CANCELLED ->
          Optional.of(
              new Refusal(
                  Fault.UNAVAILABLE, "the server is stopping, the answer was not completed"));
      case DEADLINE ->
          Optional.of(
              new Refusal(
                  Fault.DEADLINE,
                  "the answer was not complete after %.0f s, with %d tokens: ask for fewer"
                      .formatted(reply.seconds(), reply.outputTokens())));
    };
  }
}
