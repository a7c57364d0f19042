package dev.lathe.compute.engine;

import dev.lathe.compute.adapter.Adapter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// What the tests of the engine say again and again.
final class Streams {
  private Streams() {}

  /// Token ids that every tiny model has.
  static int[] prompt(int length, long seed) {
    return new Random(seed).ints(length, 0, 256).toArray();
  }

  /// Id of the adapter after taking it into the engine; null for none.
  static @Nullable String in(Engine engine, @Nullable Adapter adapter) {
    return adapter == null ? null : engine.adapters().add(adapter).id();
  }

  static Request greedy(int[] prompt, @Nullable String adapter, int maxTokens) {
    return new Request(prompt, adapter, Sampling.GREEDY, maxTokens, Set.of());
  }

  /// The tokens up to the end.
  static List<Integer> read(TokenStream stream) throws InterruptedException {
    List<Integer> tokens = new ArrayList<>();
    while (stream.next() instanceof TokenEvent.Token token) {
      tokens.add(token.id());
    }
    return tokens;
  }

  static List<Integer> generate(Engine engine, Request request) throws InterruptedException {
    try (TokenStream stream = engine.submit(request)) {
      return read(stream);
    }
  }

  /// All events up to the end, which comes last, without the time at which a token came: they are
  /// equal when the answers are.
  static List<TokenEvent> events(Engine engine, Request request) throws InterruptedException {
    try (TokenStream stream = engine.submit(request)) {
      return events(stream);
    }
  }

  static List<TokenEvent> events(TokenStream stream) throws InterruptedException {
    List<TokenEvent> events = new ArrayList<>();
    TokenEvent event;
    do {
      event = stream.next();
      events.add(
          event instanceof TokenEvent.Token(int id, Likelihood likelihood, _)
              ? new TokenEvent.Token(id, likelihood, 0)
              : event);
    } while (event instanceof TokenEvent.Token || event instanceof TokenEvent.PromptToken);
    return events;
  }

  static int[] joined(int[] prompt, List<Integer> output) {
    int[] all = Arrays.copyOf(prompt, prompt.length + output.size());
    for (int i = 0; i < output.size(); i++) {
      all[prompt.length + i] = output.get(i);
    }
    return all;
  }
}
