package dev.lathe.app.cli;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.SequencedMap;
import java.util.function.Function;
import java.util.stream.Stream;

/// The verbs in the order in which help lists them. A new verb is a picocli command class and one
/// line here.
final class Verbs {
  private static final SequencedMap<String, Function<Context, Object>> MAKERS = makers();

  private Verbs() {}

  private static SequencedMap<String, Function<Context, Object>> makers() {
    SequencedMap<String, Function<Context, Object>> makers = new LinkedHashMap<>();
    makers.put("demo", DemoVerb::new);
    makers.put("pull", PullVerb::new);
    makers.put("models", ModelsVerb::new);
    makers.put("rm", context -> new RmVerb(context, System.in));
    makers.put("train", TrainVerb::commandLine);
    makers.put("chat", ChatVerb::new);
    makers.put("generate", GenerateVerb::new);
    makers.put("embed", EmbedVerb::new);
    makers.put("compare", CompareVerb::new);
    makers.put("serve", ServeVerb::new);
    makers.put("key", KeyVerb::commandLine);
    makers.put("bench", BenchVerb::commandLine);
    makers.put("test", _ -> new TestVerb());
    makers.put("completion", CompletionVerb::new);
    makers.put("version", VersionVerb::new);
    return Collections.unmodifiableSequencedMap(makers);
  }

  static Stream<Object> all(Context context) {
    return MAKERS.values().stream().map(maker -> maker.apply(context));
  }

  /// The verbs that a call needs: the one it names, as the others cost a tenth of a second to set
  /// up; all where it names none, or one that looks at the others.
  static Stream<Object> neededBy(String[] arguments, Context context) {
    String first = arguments.length > 0 ? arguments[0] : "";
    Function<Context, Object> maker = MAKERS.get(first);
    return maker == null || first.equals("completion")
        ? all(context)
        : Stream.of(maker.apply(context));
  }
}
