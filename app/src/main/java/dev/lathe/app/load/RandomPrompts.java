package dev.lathe.app.load;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/// Prompts of a set length made of common words. They differ from their first word on, unless a
/// common beginning is asked for, so that a server's prefix cache does not flatter it.
public final class RandomPrompts {
  private static final String[] WORDS =
      ("time year people way day man thing woman life child world school state family student group"
              + " country problem hand part place case week company system program question work"
              + " government number night point home water room mother area money story fact month"
              + " lot right study book eye job word business issue side kind head house service"
              + " friend father power hour game line end member law car city community name team")
          .split(" ");

  private RandomPrompts() {}

  /// @param count prompts
  /// @param words words of each
  /// @param shared of these, how many all prompts begin with
  public static List<LoadPrompt> make(int count, int words, int shared, long seed) {
    SplittableRandom common = new SplittableRandom(seed);
    String beginning = text(common, Math.min(words, shared));
    List<LoadPrompt> prompts = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      SplittableRandom own = common.split();
      String rest = text(own, words - Math.min(words, shared));
      prompts.add(LoadPrompt.of((beginning + " " + rest).strip()));
    }
    return prompts;
  }

  private static String text(SplittableRandom random, int words) {
    return String.join(
        " ", IntStream.range(0, words).mapToObj(i -> WORDS[random.nextInt(WORDS.length)]).toList());
  }
}
