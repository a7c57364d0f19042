package dev.lathe.compute.grammar;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import java.util.random.RandomGenerator;

/// Small vocabularies, and outputs under a grammar.
final class Outputs {
  private Outputs() {}

  /// All bytes, and after them the given texts as tokens.
  static Vocabulary vocabulary(String... texts) {
    return new Vocabulary(tokens(List.of(texts)), new BitSet(), false);
  }

  static byte[][] tokens(List<String> texts) {
    List<byte[]> tokens = new ArrayList<>();
    for (int value = 0; value < 256; value++) {
      tokens.add(new byte[] {(byte) value});
    }
    texts.forEach(text -> tokens.add(text.getBytes(StandardCharsets.UTF_8)));
    return tokens.toArray(byte[][]::new);
  }

  /// The usual limits but for two.
  static GrammarLimits limits(long steps, long maskBytes) {
    GrammarLimits usual = GrammarLimits.USUAL;
    return new GrammarLimits(
        usual.sourceCharacters(),
        usual.nesting(),
        usual.repetition(),
        usual.states(),
        usual.positions(),
        steps,
        maskBytes);
  }

  static CompiledGrammar compile(Grammar grammar) {
    return new GrammarCompiler(vocabulary()).compile(grammar);
  }

  /// Whether a text is a whole output, byte by byte.
  static boolean accepts(CompiledGrammar grammar, String text) {
    GrammarState state = grammar.start();
    for (byte value : text.getBytes(StandardCharsets.UTF_8)) {
      if (!state.allows(value & 0xff)) {
        return false;
      }
      state.accept(value & 0xff);
    }
    return state.isComplete();
  }

  static boolean accepts(Grammar grammar, String text) {
    return accepts(compile(grammar), text);
  }

  /// The token's ids that may come next.
  static BitSet allowed(GrammarState state, int vocabulary) {
    long[] bits = new long[(vocabulary + 63) / 64];
    java.util.Arrays.fill(bits, -1);
    state.restrict(bits);
    BitSet allowed = BitSet.valueOf(bits);
    allowed.clear(vocabulary, bits.length * 64);
    return allowed;
  }

  /// A finished output of random tokens; empty when it did not end within so many.
  static Optional<String> random(CompiledGrammar grammar, RandomGenerator random, int most) {
    ByteArrayOutputStream output = new ByteArrayOutputStream();
    GrammarState state = grammar.start();
    int size = grammar.vocabulary().size();
    for (int i = 0; i < most; i++) {
      BitSet allowed = allowed(state, size);
      boolean stops = state.isComplete() && random.nextInt(4) == 0;
      if (stops || allowed.isEmpty()) {
        if (!state.isComplete()) {
          throw new AssertionError("nothing may follow '" + output + "'");
        }
        return Optional.of(output.toString(StandardCharsets.UTF_8));
      }
      int token = pick(allowed, random);
      output.writeBytes(grammar.vocabulary().token(token));
      state.accept(token);
    }
    return Optional.empty();
  }

  private static int pick(BitSet allowed, RandomGenerator random) {
    int nth = random.nextInt(allowed.cardinality());
    int token = allowed.nextSetBit(0);
    for (int i = 0; i < nth; i++) {
      token = allowed.nextSetBit(token + 1);
    }
    return token;
  }
}
