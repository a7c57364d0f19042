package dev.lathe.app.cli;

import java.util.List;

/// The verbs in the order in which help lists them. A new verb is a picocli command class and one
/// line here.
final class Verbs {
  private Verbs() {}

  static List<Object> all(Context context) {
    return List.of(
        new DemoVerb(context),
        new PullVerb(context),
        new ModelsVerb(context),
        new RmVerb(context, System.in),
        TrainVerb.commandLine(context),
        new ChatVerb(context),
        new GenerateVerb(context),
        new CompareVerb(context),
        BenchVerb.commandLine(context),
        new TestVerb(),
        new CompletionVerb(context),
        new VersionVerb(context));
  }
}
