package dev.lathe.app.cli;

import dev.lathe.app.terminal.Progress;
import dev.lathe.app.terminal.Screen;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.engine.AdapterVersion;
import dev.lathe.compute.engine.Logprobs;
import dev.lathe.compute.engine.TokenConstraint;
import dev.lathe.compute.grammar.Grammar;
import dev.lathe.compute.tool.CallForm;
import dev.lathe.platform.evaluation.Questions;
import dev.lathe.platform.gateway.Ask;
import dev.lathe.platform.gateway.Generator;
import dev.lathe.platform.gateway.Prompt;
import dev.lathe.platform.gateway.Reply;
import dev.lathe.platform.gateway.ReplyStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "generate",
    description = {
      "Generate text for scripts, from one prompt or many.",
      "",
      "The prompt is the argument, else standard input, else the rows of --input: one JSON object a"
          + " line with \"prompt\" or \"messages\", and what it wants otherwise than the options say,"
          + " as in \"max_tokens\", \"temperature\" or \"stop\". Rows come out in the order they went in,"
          + " with their own keys."
    },
    footer = {
      "",
      "Examples:",
      "  lathe generate smollm2-135m-instruct \"Name three rivers.\"",
      "  lathe generate smollm2-135m-instruct --choice yes,no \"Is Paris in France?\"",
      "  lathe generate smollm2-135m-instruct --adapter runs/mine \\",
      "      --input questions.jsonl > answers.jsonl"
    })
final class GenerateVerb implements Callable<Integer> {
  private static final int STREAMS = 16;

  private final Context context;

  @Parameters(
      index = "0",
      paramLabel = "MODEL",
      description = "A pulled model's name, a Hugging Face directory, or a GGUF file.")
  private String model = "";

  @Parameters(index = "1", arity = "0..1", paramLabel = "PROMPT", description = "The prompt.")
  private @Nullable String prompt;

  @Option(
      names = {"-a", "--adapter"},
      paramLabel = "DIR",
      description = "Adapter directory, as 'lathe train' or PEFT writes it.")
  private @Nullable Path adapter;

  @Option(
      names = {"-i", "--input"},
      paramLabel = "FILE",
      description = "JSON lines with \"prompt\" or \"messages\"; - is standard input.")
  private @Nullable Path input;

  @Option(
      names = "--format",
      paramLabel = "FORMAT",
      description = "text or jsonl (default: jsonl with --input, else text).")
  private ReplyLines.@Nullable Format format;

  @Option(
      names = {"-o", "--output"},
      paramLabel = "FILE",
      description = "Write to FILE instead of standard output.")
  private @Nullable Path output;

  @Option(
      names = "--keep",
      paramLabel = "KEY",
      split = ",",
      description = "Hand this key of the rows through, beside id, metadata, expected and answer.")
  private Set<String> kept = Set.of();

  @Option(
      names = "--n",
      paramLabel = "N",
      description = "Replies to each prompt, of seeds one apart (default: ${DEFAULT-VALUE}).")
  private int n = 1;

  @Option(
      names = "--logprobs",
      description = "Tell the log-probability of each token of a reply; as JSON lines.")
  private boolean logprobs;

  @Option(
      names = "--top-logprobs",
      paramLabel = "K",
      description = "With it those of the K likeliest tokens at each place, at most 20.")
  private @Nullable Integer topLogprobs;

  @Option(
      names = "--prompt-logprobs",
      description = "Tell them for the prompt; with --max-tokens 0 nothing is generated.")
  private boolean promptLogprobs;

  @Option(names = "--raw", description = "Give the prompt as it stands, without the chat template.")
  private boolean raw;

  @Option(names = "--system", paramLabel = "TEXT", description = "The system message.")
  private @Nullable String system;

  @Option(
      names = "--stats",
      description = "Say on standard error what computed, and how much in what time.")
  private boolean stats;

  @Mixin private SamplingOptions sampling = new SamplingOptions();

  @Mixin private GrammarOptions grammar = new GrammarOptions();

  @Mixin private ToolOptions tools = new ToolOptions();

  @Mixin private SpeculationOptions speculation = new SpeculationOptions();

  @Mixin private EngineOptions engine = new EngineOptions();

  GenerateVerb(Context context) {
    this.context = context;
  }

  @Override
  public Integer call() throws InterruptedException {
    check();
    Optional<Grammar> form = grammar.grammar();
    Optional<ToolOptions.Offer> offer = tools.offer();
    requireOneForm(form, offer);
    List<GenerateRow> rows = rows();
    ReplyLines.Format written = written(rows);
    try (Generator generator =
        engine.open(
            context, model, Math.min(STREAMS, count(rows)), speculation.speculation(context))) {
      Optional<AdapterVersion> loaded =
          Optional.ofNullable(adapter)
              .map(directory -> Adapters.load(generator, directory, context.screen()));
      Optional<Supplier<TokenConstraint>> constraint =
          form.or(() -> offer.flatMap(each -> each.grammar(generator.callForm())))
              .map(generator::constraint);
      rows.forEach(row -> row.decoding().requireTokens(generator.config().vocabulary()));
      List<ReplyLines.Wanted> wanted = wanted(rows, loaded, constraint, offer, generator);
      Tally tally = new Tally();
      try (Output out = Output.open(context.screen(), output)) {
        if (wanted.size() == 1 && written == ReplyLines.Format.TEXT) {
          tally.add(stream(generator.ask(wanted.getFirst().ask()), out));
        } else {
          Optional<CallForm> calls = offer.map(_ -> generator.callForm());
          all(generator, wanted, new ReplyLines(written, calls, generator), out, tally);
        }
        out.requireWritten();
      }
      if (stats) {
        context.screen().note(tally.text(generator, speculation.isOn()));
      }
    }
    return ExitCode.OK.code();
  }

  private static List<ReplyLines.Wanted> wanted(
      List<GenerateRow> rows,
      Optional<AdapterVersion> adapter,
      Optional<Supplier<TokenConstraint>> constraint,
      Optional<ToolOptions.Offer> offer,
      Generator generator) {
    String with = adapter.map(AdapterVersion::id).orElse(null);
    List<ReplyLines.Wanted> wanted = new ArrayList<>();
    for (GenerateRow row : rows) {
      Prompt asked = prompt(row, offer, generator);
      for (int index = 0; index < row.decoding().n(); index++) {
        Ask ask = row.decoding().ask(asked, with, index);
        wanted.add(
            new ReplyLines.Wanted(row, index, constraint.map(ask::withConstraint).orElse(ask)));
      }
    }
    return wanted;
  }

  private static int count(List<GenerateRow> rows) {
    return rows.stream().mapToInt(row -> row.decoding().n()).sum();
  }

  private Decoding decoding() {
    if (topLogprobs != null && !logprobs && !promptLogprobs) {
      throw LatheException.user(
          "--top-logprobs is given without --logprobs or --prompt-logprobs", "add one of them");
    }
    int likeliest = topLogprobs == null ? 0 : topLogprobs;
    return sampling.decoding(Decoding.logprobs(logprobs, promptLogprobs, likeliest), n);
  }

  private void check() {
    if (prompt != null && input != null) {
      throw LatheException.user("a prompt and --input are given", "give one of them");
    }
    if (raw && system != null) {
      throw LatheException.user(
          "--raw and --system are given, and a raw prompt has no system message",
          "leave one of them out");
    }
  }

  private void requireOneForm(Optional<Grammar> form, Optional<ToolOptions.Offer> offer) {
    if (offer.isPresent() && (form.isPresent() || raw)) {
      throw LatheException.user(
          "--tools is given with " + (raw ? "--raw" : "another form of replies"),
          "leave one of them out");
    }
  }

  private static Prompt prompt(
      GenerateRow row, Optional<ToolOptions.Offer> offer, Generator generator) {
    return row.prompt() instanceof Prompt.Chat(var conversation, var variables) && offer.isPresent()
        ? new Prompt.Chat(
            generator.callForm().offering(offer.get().tools(), conversation), variables)
        : row.prompt();
  }

  /// @throws LatheException when replies are wanted as text that say more than text
  private ReplyLines.Format written(List<GenerateRow> rows) {
    boolean scored =
        rows.stream().anyMatch(row -> !row.decoding().logprobs().equals(Logprobs.NONE));
    if (format == ReplyLines.Format.TEXT && scored) {
      throw LatheException.user(
          "log-probabilities are asked for, and --format text has no place for them",
          "leave one of them out");
    }
    if (format != null) {
      return format;
    }
    return input == null && !scored ? ReplyLines.Format.TEXT : ReplyLines.Format.JSONL;
  }

  private List<GenerateRow> rows() {
    Decoding decoding = decoding();
    if (input != null) {
      boolean piped = Input.isPipe(input);
      Questions.Read read =
          piped
              ? Questions.parse("standard input", Input.standard(context.screen(), "prompt"))
              : Questions.read(input);
      String source = piped ? "standard input" : input.toString();
      return GenerateRow.of(source, read, raw, Optional.ofNullable(system), decoding, kept);
    }
    String text = prompt == null ? Input.text(context.screen(), "prompt") : prompt;
    if (text.isBlank()) {
      throw LatheException.user(
          "the prompt is empty", "give it as an argument, by standard input or by --input");
    }
    return List.of(GenerateRow.of(text, raw, Optional.ofNullable(system), decoding));
  }

  private Reply stream(ReplyStream reply, Output out) throws InterruptedException {
    Reply whole;
    try (reply) {
      for (var piece = reply.next(); piece.isPresent(); piece = reply.next()) {
        String text = piece.get().text();
        out.stream().print(out.isForPerson() ? Screen.harmless(text) : text);
        out.requireWritten();
      }
      whole = reply.reply();
    }
    out.stream().println();
    return whole;
  }

  private void all(
      Generator generator,
      List<ReplyLines.Wanted> wanted,
      ReplyLines lines,
      Output out,
      Tally tally)
      throws InterruptedException {
    boolean bar = !out.isForPerson();
    try (Progress progress =
        context.screen().progress("generating", wanted.size(), Progress.Unit.COUNT)) {
      generator.askAll(
          wanted.stream().map(ReplyLines.Wanted::ask).toList(),
          (index, reply) -> {
            out.stream().print(lines.of(wanted.get(index), reply, index));
            out.requireWritten();
            tally.add(reply);
            if (bar) {
              progress.update(
                  index + 1, String.format(Locale.ROOT, "%.0f tokens/s", tally.tokensPerSecond()));
            }
          });
    }
  }
}
