package dev.lathe.app.cli;

import dev.lathe.compute.LatheException;
import dev.lathe.platform.access.ApiKey;
import dev.lathe.platform.access.ApiKeys;
import dev.lathe.platform.access.Operation;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.time.format.DateTimeParseException;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "key",
    description = {
      "Make, list and revoke the keys for 'lathe serve'.",
      "",
      "A running server takes notice at once. Kept are keyed hashes only."
    },
    footer = {
      "",
      "Examples:",
      "  lathe key create alice",
      "  lathe key create monitor --scope metrics --expires 365d",
      "  lathe key list",
      "  lathe key revoke alice"
    })
final class KeyVerb implements Runnable {
  @Spec private CommandSpec spec = CommandSpec.create();

  private KeyVerb() {}

  static CommandLine commandLine(Context context) {
    CommandLine line = new CommandLine(new KeyVerb());
    line.addSubcommand(new Create(context));
    line.addSubcommand(new Listing(context));
    line.addSubcommand(new Revoke(context));
    return line;
  }

  /// Where keys are kept when no other file is named.
  static Path file(Context context, @Nullable Path given) {
    return given == null ? context.environment().home().resolve("keys.json") : given;
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "create, list or revoke is missing");
  }

  /// The file option of each.
  static final class KeyFile {
    @Option(
        names = "--api-key-file",
        paramLabel = "FILE",
        description = "The keys (default: LATHE_HOME/keys.json).")
    private @Nullable Path given;

    ApiKeys open(Context context) {
      return ApiKeys.of(file(context, given), Clock.systemUTC());
    }
  }

  @Command(
      name = "create",
      description = "Make a key and print it; it is shown this once.",
      footer = {"", "Example:", "  lathe key create alice --scope generate,models --expires 90d"})
  static final class Create implements Callable<Integer> {
    private static final Pattern DAYS = Pattern.compile("(\\d{1,5})([dhw])");

    private final Context context;

    @Parameters(paramLabel = "NAME", description = "Whom or what it is for.")
    private String name = "";

    @Option(
        names = "--scope",
        split = ",",
        paramLabel = "SCOPE",
        description =
            "What it allows: models, generate, embed, tokenize, adapters, metrics (default: the"
                + " first four).")
    private List<String> scopes = new ArrayList<>();

    @Option(
        names = "--expires",
        paramLabel = "WHEN",
        description =
            "A date as 2027-01-31, or a time from now as 90d, 12h or 4w (default: never).")
    private @Nullable String expires;

    @CommandLine.Mixin private KeyFile file = new KeyFile();

    Create(Context context) {
      this.context = context;
    }

    @Override
    public Integer call() {
      Set<Operation> allowed = scopes.isEmpty() ? Operation.USUAL : Operation.ofScopes(scopes);
      ApiKeys.Created created =
          file.open(context)
              .create(name, allowed, Optional.ofNullable(expires).map(Create::instant));
      context.screen().out().println(created.text());
      context
          .screen()
          .note(
              "key %s for '%s' allows %s; it cannot be shown again"
                  .formatted(created.key().id(), name, scopes(created.key())));
      return ExitCode.OK.code();
    }

    private static Instant instant(String text) {
      Matcher span = DAYS.matcher(text);
      if (span.matches()) {
        int hours =
            switch (span.group(2)) {
              case "w" -> 7 * 24;
              case "d" -> 24;
              default -> 1;
            };
        return Instant.now().plus(Duration.ofHours((long) hours * Integer.parseInt(span.group(1))));
      }
      try {
        return LocalDate.parse(text).plusDays(1).atStartOfDay(ZoneOffset.UTC).toInstant();
      } catch (DateTimeParseException e) {
        throw LatheException.user(
            "--expires is '" + text + "', wanted is a date or a time from now",
            "write it as 2027-01-31, 90d, 12h or 4w");
      }
    }
  }

  @Command(
      name = "list",
      description = "List the keys: id, state, scopes, name.",
      footer = {"", "Example:", "  lathe key list"})
  static final class Listing implements Callable<Integer> {
    private final Context context;

    @CommandLine.Mixin private KeyFile file = new KeyFile();

    Listing(Context context) {
      this.context = context;
    }

    @Override
    public Integer call() {
      Instant now = Instant.now();
      for (ApiKey key : file.open(context).list()) {
        context
            .screen()
            .out()
            .printf("%s  %-20s  %s  %s%n", key.id(), state(key, now), key.name(), scopes(key));
      }
      return ExitCode.OK.code();
    }

    private static String state(ApiKey key, Instant now) {
      if (key.revoked().isPresent()) {
        return "revoked " + day(key.revoked().get());
      }
      if (key.expires().isPresent()) {
        return (key.isValid(now) ? "until " : "expired ") + day(key.expires().get());
      }
      return "valid";
    }

    private static String day(Instant time) {
      return time.truncatedTo(ChronoUnit.SECONDS).toString().substring(0, 10);
    }
  }

  @Command(
      name = "revoke",
      description = "End a key, for the next request already.",
      footer = {"", "Example:", "  lathe key revoke alice"})
  static final class Revoke implements Callable<Integer> {
    private final Context context;

    @Parameters(paramLabel = "NAME|ID", description = "The key's name or id.")
    private String nameOrId = "";

    @CommandLine.Mixin private KeyFile file = new KeyFile();

    Revoke(Context context) {
      this.context = context;
    }

    @Override
    public Integer call() {
      ApiKey revoked = file.open(context).revoke(nameOrId);
      context.screen().note("revoked key " + revoked.id() + " for '" + revoked.name() + "'");
      return ExitCode.OK.code();
    }
  }

  private static String scopes(ApiKey key) {
    return key.scopes().stream().sorted().map(Operation::scope).collect(Collectors.joining(","));
  }
}
