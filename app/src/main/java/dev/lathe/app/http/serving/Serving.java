package dev.lathe.app.http.serving;

import dev.lathe.app.http.Call;
import dev.lathe.app.http.Fault;
import dev.lathe.app.http.Refusal;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.engine.Pooling;
import dev.lathe.compute.engine.Terms;
import dev.lathe.compute.engine.TokenConstraint;
import dev.lathe.compute.grammar.Grammar;
import dev.lathe.compute.grammar.GrammarSource;
import dev.lathe.compute.text.Conversation;
import dev.lathe.compute.tool.CallForm;
import dev.lathe.compute.tool.ToolChoice;
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
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
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

  /// What chat templates call the switch for thoughts.
  private static final List<String> THINKING = List.of("enable_thinking", "thinking");

  /// Variables of chat templates that are no one's to set.
  private static final List<String> GIVEN = List.of("messages", "tools", "add_generation_prompt");

  /// Requests that may wait for something of theirs to be read.
  private static final int MOST_IN_TURN = 64;

  /// Shorter texts are tokenized in some milliseconds, and wait for nobody.
  private static final int LONG = 1 << 16;

  /// Longer texts are not tokenized to the end, which takes some 250 bytes a character.
  private static final int LONGEST = 1 << 19;

  private final ServedModels models;
  private final Duration maxTime;
  private final Turns turns = new Turns(MOST_IN_TURN);
  private final Traffic traffic;

  /// @param maxTime longest time from a request to the end of its answer: waiting, reading and
  ///   answering together
  /// @param registry takes the figures of what is asked and answered
  public Serving(ServedModels models, Duration maxTime, MeterRegistry registry) {
    this.models = models;
    this.traffic = new Traffic(registry, models);
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

  /// On what terms a call is served.
  ///
  /// @param bucket within one caller, what is computed for one bucket is used again only for the
  ///   same; empty for the usual one
  /// @param priority `[-10, 0]`; less is served later
  /// @throws Refusal when the time for the answer is over
  public Terms terms(Call call, String bucket, int priority) {
    return Terms.PLAIN
        .withUser(call.caller().keyId())
        .withScope(call.caller().isolation() + "/" + bucket)
        .withPriority(priority)
        .withMaxTime(timeLeft(call));
  }

  /// The time that is left for what is still to be done for a call.
  private Duration timeLeft(Call call) {
    Duration left = maxTime.minus(call.age());
    if (!left.isPositive()) {
      throw new Refusal(
          Fault.DEADLINE,
          "its %d s were over before its answer could begin: schemas, grammars and long texts take their time to be read, the same schema or grammar is read once only"
              .formatted(maxTime.toSeconds()));
    }
    return left;
  }

  /// Tokens that the model has.
  public int vocabulary() {
    return generator().config().vocabulary();
  }

  /// What holds answers to a grammar; null when they are free. A grammar that is not kept is read
  /// when its turn comes.
  ///
  /// @param parameter where it stands in the request
  /// @throws Refusal when it cannot be held to
  /// @throws LatheException when too many wait for their turn
  /// @throws IOException when the client went away
  public @Nullable Supplier<TokenConstraint> constraint(
      Call call, Optional<GrammarSource> grammar, String parameter)
      throws IOException, InterruptedException {
    return grammar.isEmpty() ? null : held(call, grammar.get(), parameter);
  }

  private Supplier<TokenConstraint> held(Call call, GrammarSource source, String parameter)
      throws IOException, InterruptedException {
    Optional<Supplier<TokenConstraint>> kept = generator().kept(source);
    return kept.isPresent()
        ? kept.get()
        : inTurn(call, () -> named(parameter, () -> generator().constraint(source)));
  }

  private <T> T inTurn(Call call, Supplier<T> work) throws IOException, InterruptedException {
    return call.whileThere(() -> turns.take(call.caller().keyId(), timeLeft(call), work));
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
  /// @throws LatheException when too many wait for what they ask to be read
  /// @throws IOException when the client went away
  public Ready ready(Call call, Dialogue dialogue) throws IOException, InterruptedException {
    int[] prompt = encode(call, prompt(dialogue), "messages");
    boolean offers = !dialogue.tools().offered().isEmpty();
    return new Ready(
        prompt,
        offers ? callsOrForm(call, dialogue, prompt) : form(call, dialogue, prompt),
        offers ? AnswerStream.Reading.CALLS : AnswerStream.Reading.APART);
  }

  /// @throws Refusal when a variable would change nothing
  private Prompt.Chat prompt(Dialogue dialogue) {
    dialogue.variables().forEach(this::requireRead);
    Conversation conversation = dialogue.conversation();
    return new Prompt.Chat(
        dialogue.calls()
            ? generator().callForm().offering(dialogue.tools().offered(), conversation)
            : conversation,
        dialogue.variables());
  }

  private void requireRead(String variable, @Nullable Object value) {
    String parameter = "chat_template_kwargs." + variable;
    if (GIVEN.contains(variable)) {
      throw new Refusal(
          Fault.UNSUPPORTED_PARAMETER,
          "'" + parameter + "' is not supported: '" + variable + "' comes from the request itself",
          parameter);
    }
    boolean soAnyway =
        value == null || THINKING.contains(variable) && value.equals(generator().thinks());
    if (!soAnyway && !generator().reads(variable)) {
      throw new Refusal(
          Fault.UNSUPPORTED_PARAMETER,
          "the chat template of this model reads no '" + variable + "': leave it out",
          parameter);
    }
  }

  /// The variables by which the chat template has the model think or not.
  ///
  /// @throws Refusal when it cannot be had
  public Map<String, Object> thinking(boolean wanted, String parameter) {
    Map<String, Object> variables = new LinkedHashMap<>();
    THINKING.stream()
        .filter(generator()::reads)
        .forEach(variable -> variables.put(variable, wanted));
    if (variables.isEmpty() && wanted != generator().thinks()) {
      throw new Refusal(
          Fault.UNSUPPORTED_PARAMETER,
          wanted
              ? "this model does not support thinking: leave out '" + parameter + "'"
              : "this model thinks always, its chat template has no switch for it: leave out '"
                  + parameter
                  + "'",
          parameter);
    }
    return variables;
  }

  /// The tokens of a conversation, whether or not they fit the context.
  ///
  /// @param opening whether the beginning of an answer follows
  /// @throws Refusal when the template refuses it, or it is very long
  /// @throws IOException when the client went away
  public int[] tokens(Call call, Dialogue dialogue, boolean opening)
      throws IOException, InterruptedException {
    Prompt.Chat chat = prompt(dialogue);
    return counted(call, chat, "messages", () -> generator().encode(chat, opening));
  }

  /// The tokens of a text, whether or not they fit the context.
  ///
  /// @throws Refusal when it is very long, or holds what the model has no token for
  /// @throws IOException when the client went away
  public int[] tokens(Call call, String text, String parameter)
      throws IOException, InterruptedException {
    Prompt raw = new Prompt.Raw(text);
    return counted(call, raw, parameter, () -> generator().encode(raw));
  }

  private int[] counted(Call call, Prompt prompt, String parameter, Supplier<int[]> work)
      throws IOException, InterruptedException {
    if (prompt.characters() > LONGEST) {
      throw new Refusal(
          Fault.INVALID_VALUE,
          "a text of %,d characters is not tokenized at once, at most %,d are: send it in parts"
              .formatted(prompt.characters(), LONGEST),
          parameter);
    }
    return encoded(call, prompt, () -> named(parameter, work));
  }

  private int[] encoded(Call call, Prompt prompt, Supplier<int[]> work)
      throws IOException, InterruptedException {
    return prompt.characters() > LONG ? inTurn(call, work) : work.get();
  }

  private @Nullable Supplier<TokenConstraint> form(Call call, Dialogue dialogue, int[] prompt)
      throws IOException, InterruptedException {
    Optional<GrammarSource> grammar =
        dialogue.grammar().map(each -> generator().afterThoughts(each, prompt));
    return constraint(call, grammar, dialogue.grammarParameter());
  }

  /// Where the model decides whether it calls, an answer without a call has the form asked for.
  private @Nullable Supplier<TokenConstraint> callsOrForm(
      Call call, Dialogue dialogue, int[] prompt) throws IOException, InterruptedException {
    Tools tools = dialogue.tools();
    boolean either = tools.choice() instanceof ToolChoice.Auto && dialogue.grammar().isPresent();
    GrammarSource calls = calls(tools, either ? new ToolChoice.Required() : tools.choice());
    GrammarSource source = either ? either(calls, dialogue) : calls;
    return held(call, generator().afterThoughts(source, prompt), "tools");
  }

  private GrammarSource calls(Tools tools, ToolChoice choice) {
    StringBuilder identity = new StringBuilder("calls " + choice + " " + tools.parallel());
    tools
        .allowed()
        .forEach(
            tool -> identity.append(' ').append(tool.name()).append(' ').append(tool.parameters()));
    CallForm form = generator().callForm();
    return new GrammarSource(
        identity.toString(),
        () -> form.grammar(tools.allowed(), choice, tools.parallel()).orElseThrow());
  }

  private static GrammarSource either(GrammarSource calls, Dialogue dialogue) {
    GrammarSource other = dialogue.grammar().orElseThrow();
    return new GrammarSource(
        "either (" + calls.identity() + ") or " + other.identity(),
        () ->
            Grammar.anyOf(List.of(calls.read(), named(dialogue.grammarParameter(), other::read))));
  }

  /// The tokens of a prompt that leaves room for an answer.
  ///
  /// @param parameter where the prompt stands in the request
  /// @throws Refusal when it is empty or too long, or the model's template refuses it
  /// @throws LatheException when too many wait for their long texts to be read
  /// @throws IOException when the client went away
  public int[] encode(Call call, Prompt prompt, String parameter)
      throws IOException, InterruptedException {
    int[] tokens = encoded(call, prompt, () -> fitting(prompt, parameter));
    if (tokens.length == 0) {
      throw noTokens(parameter);
    }
    if (tokens.length >= generator().context()) {
      throw tooLong(String.valueOf(tokens.length), parameter);
    }
    return tokens;
  }

  private int[] fitting(Prompt prompt, String parameter) {
    try {
      return generator().encode(prompt, generator().context());
    } catch (LatheException e) {
      throw e.kind() == LatheException.Kind.CAPACITY
          ? tooLong("more", parameter)
          : new Refusal(Fault.INVALID_VALUE, String.valueOf(e.getMessage()), parameter);
    }
  }

  private static Refusal noTokens(String parameter) {
    return new Refusal(Fault.INVALID_VALUE, "the prompt has no tokens", parameter);
  }

  private Refusal tooLong(String tokens, String parameter) {
    return new Refusal(
        Fault.CONTEXT_LENGTH_EXCEEDED,
        "this model's maximum context length is %d tokens, and the prompt has %s: shorten it"
            .formatted(generator().context(), tokens),
        parameter);
  }

  /// The first tokens of a text, at most so many; all of a shorter one.
  ///
  /// @throws Refusal when there is none, or it holds what the model has no token for
  /// @throws IOException when the client went away
  public int[] firstTokens(Call call, String text, int most, String parameter)
      throws IOException, InterruptedException {
    for (long length = LONG; ; length *= 2) {
      boolean whole = length >= text.length();
      Prompt beginning = new Prompt.Raw(whole ? text : text.substring(0, end(text, (int) length)));
      int[] tokens =
          encoded(call, beginning, () -> named(parameter, () -> generator().encode(beginning)));
      if (tokens.length == 0) {
        throw noTokens(parameter);
      }
      // Where a text is cut its last tokens may be others than in the whole.
      if (whole || tokens.length > most + 16) {
        return tokens.length > most ? Arrays.copyOf(tokens, most) : tokens;
      }
    }
  }

  /// Where a text can be cut near a character: not in the middle of a surrogate pair.
  private static int end(String text, int near) {
    return Character.isLowSurrogate(text.charAt(near)) ? near + 1 : near;
  }

  /// Vectors of texts, for as long as the client is there.
  ///
  /// @throws IOException when the client went away
  public List<float[]> embed(
      Call call, List<int[]> texts, ServedModels.Model model, Pooling pooling, Terms terms)
      throws IOException, InterruptedException {
    try (Traffic.Span span = traffic.begin(model.adapter())) {
      span.embeds(texts.stream().mapToLong(text -> text.length).sum());
      return call.whileThere(() -> generator().embed(texts, model.adapter(), pooling, terms));
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
