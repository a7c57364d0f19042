package dev.lathe.app.cli;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.StrictJson;
import dev.lathe.compute.grammar.Grammar;
import dev.lathe.compute.tool.CallForm;
import dev.lathe.compute.tool.Tool;
import dev.lathe.compute.tool.ToolChoice;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// Which tools are offered.
final class ToolOptions {
  private static final long MAX_BYTES = 4 << 20;

  @Option(
      names = "--tools",
      paramLabel = "FILE",
      description = "Offer the tools in FILE, a JSON list as in OpenAI's API.")
  private @Nullable Path file;

  @Option(
      names = "--tool-choice",
      paramLabel = "CHOICE",
      description = "auto, none, required or a tool's name: whether one is called (default: auto).")
  private @Nullable String choice;

  /// What is offered.
  record Offer(List<Tool> tools, ToolChoice choice) {
    /// What replies are held to.
    Optional<Grammar> grammar(CallForm form) {
      return form.grammar(tools, choice, true);
    }
  }

  /// What is offered, if anything is.
  ///
  /// @throws LatheException when the file holds no tools, or the choice is none of them
  Optional<Offer> offer() {
    if (file == null) {
      if (choice != null) {
        throw LatheException.user(
            "--tool-choice is given without --tools", "say which tools there are");
      }
      return Optional.empty();
    }
    byte[] bytes = StrictJson.bytes(file, MAX_BYTES);
    List<Tool> tools = Tool.list(StrictJson.value("'" + file + "'", bytes));
    return Optional.of(new Offer(tools, choice(tools)));
  }

  private ToolChoice choice(List<Tool> tools) {
    return switch (choice == null ? "auto" : choice) {
      case "auto" -> new ToolChoice.Auto();
      case "none" -> new ToolChoice.None();
      case "required" -> new ToolChoice.Required();
      case String name -> ToolChoice.named(name, tools);
    };
  }
}
