package dev.lathe.app.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

@Command(
    name = "version",
    description = "Print the versions of Lathe, Java and the system.",
    footer = {"", "Example:", "  lathe version"})
final class VersionVerb implements Callable<Integer> {
  private final Context context;

  VersionVerb(Context context) {
    this.context = context;
  }

  /// The version that the build wrote into the jar's manifest; `dev` outside a jar.
  static String lathe() {
    String version = VersionVerb.class.getPackage().getImplementationVersion();
    return version == null ? "dev" : version;
  }

  @Override
  public Integer call() {
    context
        .screen()
        .out()
        .printf(
            "lathe %s%nJava %s (%s)%n%s %s%n",
            lathe(),
            Runtime.version(),
            System.getProperty("java.vm.vendor"),
            System.getProperty("os.name"),
            System.getProperty("os.arch"));
    return ExitCode.OK.code();
  }
}
