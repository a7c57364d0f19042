package dev.lathe.platform.tuning;

import dev.lathe.compute.LatheException;
import dev.lathe.compute.model.Checkpoint;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.compute.model.ModelConfig.Projection;
import dev.lathe.compute.text.ChatEncoder;
import dev.lathe.compute.text.ChatTemplate;
import dev.lathe.compute.text.Conversation;
import dev.lathe.compute.text.EncodedRow;
import dev.lathe.compute.text.Message;
import dev.lathe.compute.text.RowOptions;
import dev.lathe.compute.text.Tokenizer;
import dev.lathe.platform.dataset.BadRow;
import dev.lathe.platform.dataset.DatasetVersion;
import dev.lathe.platform.dataset.Datasets;
import dev.lathe.platform.dataset.Row;
import dev.lathe.platform.dataset.Split;
import dev.lathe.training.tensor.Precision;
import dev.lathe.training.trainer.Schedule;
import dev.lathe.training.trainer.Trainer;
import dev.lathe.training.trainer.TrainerSettings;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Opens what a recipe names: model, tokenizer, template, data; and makes tokens of the rows.
/// Whoever opens it closes it.
public final class Preparation implements AutoCloseable {
  private static final List<String> GENERAL_PROMPTS =
      List.of("What is the capital of France?", "Write one sentence about the sea.");

  private final Recipe recipe;
  private final Checkpoint checkpoint;
  private final Tokenizer tokenizer;
  private final Job job;
  private final List<String> notes;

  private Preparation(
      Recipe recipe, Checkpoint checkpoint, Tokenizer tokenizer, Job job, List<String> notes) {
    this.recipe = recipe;
    this.checkpoint = checkpoint;
    this.tokenizer = tokenizer;
    this.job = job;
    this.notes = List.copyOf(notes);
  }

  /// @param model where the recipe's model lies: a directory or a GGUF file
  /// @throws LatheException when something named is missing or cannot be used, with all bad rows
  public static Preparation open(Recipe recipe, Path model) {
    List<String> notes = new ArrayList<>(recipe.notes());
    if (recipe.output().plots() && !LossPlot.canDraw()) {
      notes.add(
          "no picture of the loss is drawn: this machine has no fonts; with fontconfig and fonts,"
              + " as of the package fonts-dejavu-core, there is one");
    }
    DatasetVersion data = data(recipe, recipe.data().train());
    Split split = Split.of(data, recipe.data().validation(), recipe.data().seed());
    DatasetVersion evaluation =
        recipe.data().evaluation().isEmpty()
            ? data.withRows(split.validation())
            : data(recipe, recipe.data().evaluation());
    Rows rows = new Rows(recipe);
    rows.read(data, notes);
    if (!recipe.data().evaluation().isEmpty()) {
      rows.read(evaluation, notes);
    }
    Checkpoint checkpoint = Checkpoint.open(model);
    @Nullable Tokenizer tokenizer = null;
    try {
      tokenizer = Tokenizer.open(checkpoint);
      ChatTemplate template = ChatTemplate.of(checkpoint);
      String named = recipe.data().template();
      if (named != null) {
        TemplateCheck.check(named, template).ifPresent(notes::add);
      }
      ChatEncoder encoder = ChatEncoder.of(tokenizer, template, checkpoint.config().eosTokenIds());
      Job job = job(checkpoint, encoder, rows, split.train(), evaluation, notes);
      return new Preparation(recipe, checkpoint, tokenizer, job, notes);
    } catch (RuntimeException e) {
      if (tokenizer != null) {
        tokenizer.close();
      }
      checkpoint.close();
      throw e;
    }
  }

  private static DatasetVersion data(Recipe recipe, List<String> names) {
    Recipe.Data data = recipe.data();
    return new Datasets(data.directory(), data.seed()).load(names, data.maxSamples());
  }

  private static Job job(
      Checkpoint checkpoint,
      ChatEncoder encoder,
      Rows rows,
      DatasetVersion train,
      DatasetVersion evaluation,
      List<String> notes) {
    Recipe recipe = rows.recipe;
    List<EncodedRow> encoded = rows.encode(train.rows(), encoder);
    List<EncodedRow> validation = rows.encode(evaluation.rows(), encoder);
    rows.settle(notes);
    if (encoded.isEmpty()) {
      throw LatheException.user("no row is left to train on", "add rows or raise cutoff_len");
    }
    Identity identity =
        new Identity(
            checkpoint.sha256(),
            encoder.tokenizer().sha256(),
            encoder.template().sha256(),
            train.sha256(),
            evaluation.rows().isEmpty() ? "" : evaluation.sha256());
    return new Job(
        recipe,
        identity,
        encoded,
        validation,
        prompts(encoder, train.rows().getFirst(), recipe),
        parameters(checkpoint.config(), recipe),
        recipe.threads() > 0 ? recipe.threads() : Runtime.getRuntime().availableProcessors());
  }

  /// Two general questions, and the first row up to its last answer.
  private static List<int[]> prompts(ChatEncoder encoder, Row row, Recipe recipe) {
    List<int[]> prompts = new ArrayList<>();
    for (String question : GENERAL_PROMPTS) {
      prompts.add(encoder.prompt(Conversation.of(Message.user(question))));
    }
    Conversation whole = Conversations.of(row, recipe.data().system());
    List<Message> asked = whole.messages().subList(0, whole.messages().size() - 1);
    int[] prompt = encoder.prompt(new Conversation(asked, whole.tools()));
    if (prompt.length <= recipe.data().cutoff()) {
      prompts.add(prompt);
    }
    return prompts;
  }

  private static long parameters(ModelConfig config, Recipe recipe) {
    long parameters = 0;
    for (Projection projection : Projection.values()) {
      long in = config.in(projection);
      long out = config.out(projection);
      parameters += in * out;
      if (recipe.adapter().targets().contains(projection)) {
        parameters += recipe.adapter().rank() * (in + out);
      }
    }
    return parameters * config.layers();
  }

  public Job job() {
    return job;
  }

  public Tokenizer tokenizer() {
    return tokenizer;
  }

  /// One line for each thing that a user should know before the run.
  public List<String> notes() {
    return notes;
  }

  /// Unmaps the base model's files, which a trainer does not need once it is open.
  void releaseBase() {
    checkpoint.close();
  }

  /// A fresh trainer; the caller closes it.
  public Trainer trainer() {
    return Trainer.open(checkpoint, recipe.adapter(), settings());
  }

  private TrainerSettings settings() {
    Recipe.Optimization optimization = recipe.optimization();
    Course course = job.course();
    return new TrainerSettings(
        optimization.learningRate(),
        Schedule.valueOf(optimization.schedule().name()),
        course.warmupSteps(),
        course.totalSteps(),
        optimization.weightDecay(),
        optimization.beta1(),
        optimization.beta2(),
        optimization.epsilon(),
        optimization.maxNorm(),
        optimization.seed(),
        Precision.valueOf(optimization.precision().name()),
        job.threads());
  }

  @Override
  public void close() {
    tokenizer.close();
    checkpoint.close();
  }

  /// Collects the rows that cannot be trained on, whether reading or encoding finds them.
  private static final class Rows {
    private final Recipe recipe;
    private final RowOptions options;
    private final List<BadRow> bad = new ArrayList<>();

    Rows(Recipe recipe) {
      this.recipe = recipe;
      this.options =
          new RowOptions(
              recipe.data().cutoff(), RowOptions.Scoring.valueOf(recipe.data().scoring().name()));
    }

    void read(DatasetVersion data, List<String> notes) {
      bad.addAll(data.skipped());
      if (!data.unusedColumns().isEmpty()) {
        notes.add(
            "columns of the rows that are not used: " + String.join(", ", data.unusedColumns()));
      }
    }

    List<EncodedRow> encode(List<Row> rows, ChatEncoder encoder) {
      List<EncodedRow> encoded = new ArrayList<>();
      for (Row row : rows) {
        try {
          EncodedRow one =
              encoder
                  .row(Conversations.of(row, recipe.data().system()), options)
                  .named(row.source().toString());
          if (one.scoredTokens() > 0) {
            encoded.add(one);
          } else {
            bad.add(
                new BadRow(
                    row.source(), "nothing of its answer is left within cutoff_len, raise it"));
          }
        } catch (LatheException e) {
          bad.add(new BadRow(row.source(), String.valueOf(e.getMessage())));
        }
      }
      return encoded;
    }

    void settle(List<String> notes) {
      if (!bad.isEmpty() && recipe.data().onBadRow() == Recipe.OnBadRow.FAIL) {
        throw BadRow.refusal(bad);
      }
      BadRow.lines(bad).forEach(line -> notes.add("left out: " + line));
    }
  }
}
