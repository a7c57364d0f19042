package dev.lathe.app.cli;

import dev.lathe.app.terminal.Screen;

/// What the launcher runs when it builds: the verbs that answer, one after the other in one
/// process, so that the JVM can keep the classes that they load and how their methods ran. The last
/// one serves until it is told to end.
final class Rehearsal {
  private static final String TOKENS = "--max-tokens=100";

  private Rehearsal() {}

  /// @param arguments the model to answer with
  public static void main(String[] arguments) {
    String model = arguments[0];
    Environment environment = Environment.of(System.getenv());
    Context context = new Context(environment, Screen.ofProcess(environment.colours()));
    Main.run(context, "generate", model, "one two three", TOKENS);
    Main.run(context, "chat", model, TOKENS);
    Main.main(new String[] {"serve", model, "--port=0"});
  }
}
