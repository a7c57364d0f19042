package dev.lathe.platform.gateway;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.grammar.Grammar;
import dev.lathe.compute.grammar.GrammarCompiler;
import dev.lathe.compute.grammar.GrammarSource;
import dev.lathe.compute.grammar.Vocabulary;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.compute.text.ChatEncoder;
import dev.lathe.compute.text.ChatTemplate;
import dev.lathe.compute.text.RenderOptions;
import dev.lathe.compute.text.StreamDecoder;
import dev.lathe.compute.text.Tokenizer;
import dev.lathe.compute.tool.CallForm;
import java.nio.file.Path;
import java.time.Clock;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// A model's tokenizer and, where it has one, its chat template.
final class TextSide {
  static final String THOUGHTS_BEGIN = "<think>";
  static final String THOUGHTS_END = "</think>";
  private static final List<String> THOUGHT_MARKS = List.of(THOUGHTS_BEGIN, THOUGHTS_END);
  private static final int LAST_TOKENS = 16;

  private final Tokenizer tokenizer;
  private final Set<Integer> declaredStops;
  private final Optional<ChatTemplate> template;
  private final Optional<ChatEncoder> encoder;
  private final Optional<LatheException> noTemplate;
  private @Nullable GrammarCompiler grammars;
  private @Nullable CallForm callForm;

  private TextSide(
      Tokenizer tokenizer,
      Set<Integer> declaredStops,
      Optional<ChatTemplate> template,
      Optional<LatheException> noTemplate) {
    this.tokenizer = tokenizer;
    this.declaredStops = declaredStops;
    this.template = template;
    this.encoder = template.map(found -> ChatEncoder.of(tokenizer, found, declaredStops));
    this.noTemplate = noTemplate;
  }

  /// @param template gives the chat template, or says why there is none
  static TextSide of(
      Tokenizer tokenizer, Iterable<Integer> declaredStops, Supplier<ChatTemplate> template) {
    Set<Integer> stops = new LinkedHashSet<>();
    declaredStops.forEach(stops::add);
    try {
      return new TextSide(tokenizer, stops, Optional.of(template.get()), Optional.empty());
    } catch (LatheException none) {
      return new TextSide(tokenizer, stops, Optional.empty(), Optional.of(none));
    }
  }

  Tokenizer tokenizer() {
    return tokenizer;
  }

  /// Compiles grammars for this vocabulary, which is looked through at the first call.
  synchronized GrammarCompiler grammars() {
    if (grammars == null) {
      byte[][] tokens = new byte[tokenizer.vocabulary()][];
      BitSet control = new BitSet();
      for (int id = 0; id < tokens.length; id++) {
        tokens[id] = tokenizer.bytes(id);
        control.set(id, tokenizer.isSpecial(id));
      }
      grammars = new GrammarCompiler(new Vocabulary(tokens, control, tokenizer.dropsFirstBlank()));
    }
    return grammars;
  }

  /// How this model writes calls of tools, found out at the first call.
  synchronized CallForm callForm() {
    if (callForm == null) {
      RenderOptions options = new RenderOptions(false, Clock.systemUTC());
      callForm =
          template
              .map(found -> CallForm.of(found, options, tokenizer.controlTokens()))
              .orElse(CallForm.GENERIC);
    }
    return callForm;
  }

  /// A decoder of the reply to a prompt. Where tools are offered it writes out the control tokens
  /// that calls are made of.
  StreamDecoder decoder(Prompt prompt) {
    boolean offers =
        prompt instanceof Prompt.Chat(var conversation, _) && !conversation.tools().isEmpty();
    return tokenizer.stream(offers ? callForm().tokens() : Set.of());
  }

  /// A decoder of a reply that is read in a certain way: it writes out the control tokens by which
  /// thoughts and calls are told.
  StreamDecoder decoder(AnswerStream.Reading reading) {
    Set<String> spelt = new HashSet<>();
    if (reading != AnswerStream.Reading.WHOLE) {
      spelt.addAll(THOUGHT_MARKS);
    }
    if (reading == AnswerStream.Reading.CALLS) {
      spelt.addAll(callForm().tokens());
    }
    return tokenizer.stream(spelt);
  }

  /// What a grammar allows, after thoughts where the model thinks or may think; not where the
  /// prompt has ended them already.
  GrammarSource afterThoughts(GrammarSource source, int[] prompt) {
    boolean inside = endsInThoughts(prompt);
    if (!inside && (!thinks() || endsWith(prompt, THOUGHTS_END))) {
      return source;
    }
    return new GrammarSource(
        (inside ? "after thoughts " : "perhaps after thoughts ") + source.identity(),
        () -> afterThoughts(source.read(), inside));
  }

  private Grammar afterThoughts(Grammar grammar, boolean inside) {
    List<String> tokens = THOUGHT_MARKS.stream().filter(this::isToken).toList();
    Grammar rest =
        Grammar.sequence(
            List.of(
                Grammar.textWithout(THOUGHTS_END),
                Grammar.text(THOUGHTS_END, tokens),
                Grammar.regex("\\n{0,2}")));
    Grammar thoughts =
        inside
            ? rest
            : Grammar.sequence(List.of(Grammar.text(THOUGHTS_BEGIN, tokens), rest)).repeated(0, 1);
    return Grammar.sequence(List.of(thoughts, grammar));
  }

  private boolean isToken(String mark) {
    return tokenizer.controlId(mark).isPresent();
  }

  /// Requires that the ids of ordinary tokens that a draft model shares with this one mean the
  /// same.
  ///
  /// @throws LatheException when the draft model is not there, or one of them does not
  void requireSameTokens(Path draft) {
    try (Checkpoint checkpoint = Checkpoint.open(draft);
        Tokenizer small = Tokenizer.open(checkpoint)) {
      int shared = Math.min(small.vocabulary(), tokenizer.vocabulary());
      for (int id = 0; id < shared; id++) {
        boolean ordinary = !small.isSpecial(id) && !tokenizer.isSpecial(id);
        if (ordinary && !Arrays.equals(small.bytes(id), tokenizer.bytes(id))) {
          throw LatheException.user(
              "the draft model '%s' has other tokens: %d is '%s' there and '%s' here"
                  .formatted(draft, id, text(small, id), text(tokenizer, id)),
              "take a smaller model of the same family");
        }
      }
    }
  }

  private static String text(Tokenizer tokenizer, int id) {
    return tokenizer.decode(new int[] {id}, false);
  }

  /// @throws LatheException when it is a conversation and the model has no usable chat template
  int[] encode(Prompt prompt) {
    return encode(prompt, Integer.MAX_VALUE);
  }

  /// @throws LatheException as [#encode(Prompt)], and when it certainly has more than `most` tokens
  int[] encode(Prompt prompt, int most) {
    return switch (prompt) {
      case Prompt.Raw(String text) -> tokenizer.encodeWithControl(text, most);
      case Prompt.Tokens(int[] ids) -> ids;
      case Prompt.Chat chat -> encode(chat, true, most);
    };
  }

  /// @param opening whether the beginning of an answer follows
  /// @throws LatheException when the model has no usable chat template
  int[] encode(Prompt.Chat chat, boolean opening) {
    return encode(chat, opening, Integer.MAX_VALUE);
  }

  private int[] encode(Prompt.Chat chat, boolean opening, int most) {
    return encoder
        .orElseThrow(() -> noTemplate.orElseThrow())
        .prompt(chat.conversation(), chat.variables(), opening, most);
  }

  /// Whether answers can begin with thoughts between `<think>` and `</think>`.
  boolean thinks() {
    return tokenizer.controlId(THOUGHTS_END).isPresent()
        || template.map(found -> found.mentions(THOUGHTS_END)).orElse(false);
  }

  /// Whether a prompt ends with the start of thoughts, so that the answer begins inside them.
  boolean endsInThoughts(int[] prompt) {
    return endsWith(prompt, THOUGHTS_BEGIN);
  }

  private boolean endsWith(int[] prompt, String mark) {
    int from = Math.max(0, prompt.length - LAST_TOKENS);
    int[] last = Arrays.copyOfRange(prompt, from, prompt.length);
    return tokenizer.decode(last, false).stripTrailing().endsWith(mark);
  }

  /// Whether the chat template may read a variable.
  boolean reads(String variable) {
    return template.map(found -> found.reads(variable)).orElse(false);
  }

  Set<Integer> stopTokens() {
    return encoder.map(ChatEncoder::stopTokens).orElse(declaredStops);
  }

  /// Source of the chat template; empty when there is none.
  String template() {
    return template.map(ChatTemplate::source).orElse("");
  }

  /// Identity of the chat template; empty when there is none.
  String templateSha256() {
    return template.map(ChatTemplate::sha256).orElse("");
  }
}
