package dev.lathe.app.cli;

import dev.lathe.compute.LatheException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/// Listed in help; the launcher runs the tests itself, without this process.
@Command(
    name = "test",
    description = "Run Lathe's own tests in a source checkout.",
    footer = {
      "",
      "Examples:",
      "  lathe test              everything: compile, checks, tests (mvn verify)",
      "  lathe test compute      one module, without static checks",
      "  lathe test -Dslow       the long runs as well"
    })
final class TestVerb implements Callable<Integer> {
  @Parameters(
      paramLabel = "MODULE|MAVEN-ARGUMENT",
      description = "A module (compute, training, platform, app), or anything Maven takes.")
  private List<String> arguments = new ArrayList<>();

  @Override
  public Integer call() {
    throw LatheException.user(
        "'lathe test " + String.join(" ", arguments) + "' was not started by the launcher",
        "run ./lathe test in the source checkout");
  }
}
