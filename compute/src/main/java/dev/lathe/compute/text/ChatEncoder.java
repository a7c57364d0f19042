package dev.lathe.compute.text;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.jinja.Template.Rendered;
import dev.lathe.compute.jinja.Template.Span;
import dev.lathe.compute.jinja.Text;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.compute.text.AddedTokens.Trust;
import dev.lathe.compute.text.Message.Role;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;

/// Conversations to token ids, the same way for training and for answering.
///
/// Only what the template itself writes can become a control token. Answers are encoded apart from
/// what stands before them, so that a prompt's ids plus an answer's ids are the row's ids.
/// Immutable; any number of threads may use it while its tokenizer is open.
public final class ChatEncoder {
  private static final Conversation PROBE =
      Conversation.of(Message.user("a"), Message.assistant("b"));

  private final Tokenizer tokenizer;
  private final ChatTemplate template;
  private final RenderOptions options;
  private final String opening;
  private final Set<Integer> stopTokens;

  private ChatEncoder(
      Tokenizer tokenizer,
      ChatTemplate template,
      RenderOptions options,
      Set<Integer> declaredStopTokens) {
    this.tokenizer = tokenizer;
    this.template = template;
    this.options = options;
    this.opening = opening();
    this.stopTokens = stopTokens(declaredStopTokens);
  }

  /// The encoder of a model.
  ///
  /// @param clock what templates read that print the date
  /// @return owns its tokenizer: close `tokenizer()`
  public static ChatEncoder open(Checkpoint checkpoint, Clock clock) {
    ChatTemplate template = ChatTemplate.of(checkpoint);
    return of(
        Tokenizer.open(checkpoint),
        template,
        new RenderOptions(false, clock),
        checkpoint.config().eosTokenIds());
  }

  /// @param options clock and variables for the template
  /// @param declaredStopTokens the tokens that end a generation by the model's configuration
  /// @throws LatheException when the template cannot write a plain question and answer
  public static ChatEncoder of(
      Tokenizer tokenizer,
      ChatTemplate template,
      RenderOptions options,
      Iterable<Integer> declaredStopTokens) {
    Set<Integer> declared = new LinkedHashSet<>();
    declaredStopTokens.forEach(declared::add);
    return new ChatEncoder(tokenizer, template, options, declared);
  }

  /// With the system's clock and nothing else for the template.
  public static ChatEncoder of(
      Tokenizer tokenizer, ChatTemplate template, Iterable<Integer> declaredStopTokens) {
    return of(tokenizer, template, new RenderOptions(false, Clock.systemUTC()), declaredStopTokens);
  }

  public Tokenizer tokenizer() {
    return tokenizer;
  }

  public ChatTemplate template() {
    return template;
  }

  /// Tokens after which an answer is over: what the model's configuration declares, and the control
  /// token that the template writes after an answer.
  public Set<Integer> stopTokens() {
    return stopTokens;
  }

  /// What the template writes to ask for an answer. Some old templates always write it at the end:
  /// then it is what stands before an answer's content.
  private String opening() {
    Conversation question = Conversation.of(PROBE.messages().getFirst());
    String without = template.render(question, options.withGenerationPrompt(false));
    String with = template.render(question, options.withGenerationPrompt(true));
    if (with.startsWith(without) && with.length() > without.length()) {
      return with.substring(without.length());
    }
    Rendered probe = template.rendered(PROBE, options.withGenerationPrompt(false));
    Span stretch = Turns.stretch(probe, 1);
    int content = Math.max(Turns.content(probe.text(), stretch), stretch.start());
    String before = probe.text().characters().substring(stretch.start(), content);
    return with.endsWith(before) ? before : "";
  }

  private Set<Integer> stopTokens(Set<Integer> declared) {
    Set<Integer> stops = new LinkedHashSet<>(declared);
    Segment answer =
        segments(PROBE, options.withGenerationPrompt(false)).stream()
            .filter(Segment::answer)
            .findFirst()
            .orElseThrow();
    for (int id : answer.ids()) {
      if (tokenizer.isSpecial(id)) {
        stops.add(id);
        break;
      }
    }
    return Set.copyOf(stops);
  }

  /// The ids of a conversation up to where the assistant's next answer starts.
  public int[] prompt(Conversation conversation) {
    return prompt(conversation, Map.of(), true);
  }

  /// As [#prompt(Conversation)], with further names for the template beside its usual ones.
  ///
  /// @param variables values as JSON readers give them
  /// @param opening whether the start of the assistant's next answer is written
  public int[] prompt(Conversation conversation, Map<String, Object> variables, boolean opening) {
    return prompt(conversation, variables, opening, Integer.MAX_VALUE);
  }

  /// As [#prompt(Conversation, Map, boolean)], of a conversation that is to have at most so many
  /// tokens.
  ///
  /// @throws LatheException of the kind CAPACITY when it certainly has more, which is found out
  ///   without encoding all of it. It may have somewhat more all the same
  public int[] prompt(
      Conversation conversation, Map<String, Object> variables, boolean opening, int most) {
    RenderOptions asking = options.withGenerationPrompt(opening).withVariables(variables);
    return segments(conversation, asking, most).stream()
        .flatMapToInt(segment -> Arrays.stream(segment.ids()))
        .toArray();
  }

  /// The training row of a conversation, its answers scored.
  ///
  /// @param cutoff most tokens
  public EncodedRow row(Conversation conversation, int cutoff) {
    return row(conversation, new RowOptions(cutoff, RowOptions.Scoring.ANSWERS));
  }

  /// The training row of a conversation, which must end with an answer.
  ///
  /// @throws LatheException when it does not, or the template refuses it
  public EncodedRow row(Conversation conversation, RowOptions rowOptions) {
    if (conversation.messages().getLast().role() != Role.ASSISTANT) {
      throw LatheException.user(
          "the conversation ends with a message of the "
              + conversation.messages().getLast().role().label(),
          "a row to train on ends with an answer");
    }
    return new RowBuilder(
            segments(conversation, options.withGenerationPrompt(false)), rowOptions, stopTokens)
        .build();
  }

  /// Ids of one stretch of a rendered conversation.
  ///
  /// @param answer whether an assistant message is written here
  record Segment(int[] ids, boolean answer) {}

  private List<Segment> segments(Conversation conversation, RenderOptions how) {
    return segments(conversation, how, Integer.MAX_VALUE);
  }

  private List<Segment> segments(Conversation conversation, RenderOptions how, int most) {
    Rendered rendered = template.rendered(conversation, how);
    String text = rendered.text().characters();
    Trust[] trust = new Trust[text.length()];
    for (Text.Run run : rendered.text().runs()) {
      Arrays.fill(trust, run.start(), run.end(), ChatTemplate.trust(run.origin(), conversation));
    }
    tokenizer.requireRoom(text, trust, most);
    List<Segment> segments = new ArrayList<>();
    int at = 0;
    for (Span answer : Turns.answers(rendered, conversation, opening)) {
      segments.add(new Segment(tokenizer.encode(text, trust, at, answer.start()), false));
      segments.add(new Segment(tokenizer.encode(text, trust, answer.start(), answer.end()), true));
      at = answer.end();
    }
    if (at < text.length()) {
      segments.add(new Segment(tokenizer.encode(text, trust, at, text.length()), false));
    }
    return segments;
  }

  /// Where an answer's turn ends in its ids: the place of the last stop token, or -1.
  static int endOfTurn(int[] ids, Set<Integer> stopTokens) {
    return IntStream.range(0, ids.length)
        .filter(i -> stopTokens.contains(ids[i]))
        .reduce(-1, (first, last) -> last);
  }
}
