package dev.lathe.app.cli;

import picocli.CommandLine;
import picocli.CommandLine.Model.UsageMessageSpec;

/// The one look of every verb's help: usage, what it does, arguments, options, examples.
final class HelpStyle {
  private HelpStyle() {}

  static void apply(CommandLine verb) {
    UsageMessageSpec usage = verb.getCommandSpec().usageMessage();
    usage.synopsisHeading("Usage: ");
    usage.descriptionHeading("%n");
    usage.parameterListHeading("%nArguments:%n");
    usage.optionListHeading("%nOptions:%n");
    usage.abbreviateSynopsis(true);
    usage.sortOptions(false);
    verb.getSubcommands().values().forEach(HelpStyle::apply);
  }
}
