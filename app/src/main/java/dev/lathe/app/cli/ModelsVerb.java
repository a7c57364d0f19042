package dev.lathe.app.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.app.terminal.Progress;
import dev.lathe.app.terminal.Screen.Style;
import dev.lathe.app.terminal.Width;
import dev.lathe.platform.registry.CatalogueEntry;
import dev.lathe.platform.registry.ModelStore;
import dev.lathe.platform.registry.StoredModel;
import dev.lathe.platform.registry.StoredModel.State;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
    name = "models",
    description = {
      "List the models on this machine, and others to pull.",
      "",
      "A model is 'checked' when its files were hashed since they last changed, 'unchecked' until"
          + " its first use. Ends with 5 where one is damaged."
    },
    footer = {
      "",
      "Examples:",
      "  lathe models",
      "  lathe models --check            hash every file anew",
      "  lathe models --json | jq -r '.models[].path'"
    })
final class ModelsVerb implements Callable<Integer> {
  private static final List<String> HEAD =
      List.of("NAME", "SIZE", "WEIGHTS", "LICENCE", "STATE", "SOURCE", "WHERE");
  private static final List<String> OFFER_HEAD =
      List.of("NAME", "SIZE", "SPEAKS", "LICENCE", "WHAT IT IS");

  private final Context context;

  @Option(names = "--json", description = "Print one JSON object with everything known.")
  private boolean json;

  @Option(names = "--check", description = "Hash every file of every model anew.")
  private boolean check;

  ModelsVerb(Context context) {
    this.context = context;
  }

  @Override
  public Integer call() {
    ModelStore store = Models.store(context.environment());
    List<StoredModel> models = check ? checked(store) : store.list();
    List<CatalogueEntry> offers =
        store.catalogue().entries().stream()
            .filter(entry -> models.stream().noneMatch(model -> model.name().equals(entry.name())))
            .toList();
    if (json) {
      context.screen().out().println(json(models, offers));
    } else {
      print(models, offers);
    }
    boolean damaged = models.stream().anyMatch(model -> model.state() == State.DAMAGED);
    return (damaged ? ExitCode.ENVIRONMENT : ExitCode.OK).code();
  }

  private static List<StoredModel> checked(ModelStore store) {
    return store.list().stream()
        .map(model -> store.find(model.name()).isPresent() ? store.verify(model.name()) : model)
        .toList();
  }

  private void print(List<StoredModel> models, List<CatalogueEntry> offers) {
    PrintStream out = context.screen().out();
    if (models.isEmpty()) {
      out.printf("no model is on this machine yet (%s)%n", shortened(modelFolder()));
    } else {
      table(HEAD, models.stream().map(this::row).toList());
    }
    for (StoredModel model : models) {
      if (!model.detail().isEmpty()) {
        out.printf("%s: %s%n", model.name(), model.detail());
      }
    }
    if (!offers.isEmpty()) {
      out.printf("%nCan be pulled:%n");
      table(OFFER_HEAD, offers.stream().map(ModelsVerb::offerRow).toList());
    }
  }

  private List<String> row(StoredModel model) {
    return List.of(
        model.name(),
        Progress.bytes(model.bytes()),
        model.weights(),
        model.licence(),
        label(model.state()),
        model.sourceInBrief(),
        shortened(model.folder()));
  }

  private static List<String> offerRow(CatalogueEntry entry) {
    return List.of(
        entry.name(),
        "up to " + Progress.bytes(entry.bytes()),
        String.join(", ", entry.languages()),
        entry.licence(),
        entry.description());
  }

  private static String label(State state) {
    return switch (state) {
      case VERIFIED -> "checked";
      case UNVERIFIED -> "unchecked";
      case DAMAGED -> "damaged";
      case PARTIAL -> "partial";
    };
  }

  private Path modelFolder() {
    return context.environment().home().resolve("models");
  }

  private static String shortened(Path path) {
    Path user = Path.of(System.getProperty("user.home"));
    return path.startsWith(user) ? "~/" + user.relativize(path) : path.toString();
  }

  private void table(List<String> head, List<List<String>> rows) {
    List<Integer> widths = new ArrayList<>();
    for (int i = 0; i < head.size(); i++) {
      int column = i;
      int widest = rows.stream().mapToInt(row -> Width.of(row.get(column))).max().orElse(0);
      widths.add(Math.max(Width.of(head.get(i)), widest));
    }
    PrintStream out = context.screen().out();
    out.println(context.screen().outStyled(Style.BOLD, line(head, widths)));
    rows.forEach(row -> out.println(line(row, widths)));
  }

  private static String line(List<String> cells, List<Integer> widths) {
    StringBuilder line = new StringBuilder();
    for (int i = 0; i < cells.size(); i++) {
      String cell = cells.get(i);
      line.append(cell).append(" ".repeat(widths.get(i) - Width.of(cell) + 2));
    }
    return line.toString().stripTrailing();
  }

  private static String json(List<StoredModel> models, List<CatalogueEntry> offers) {
    JsonMapper mapper = new JsonMapper();
    ObjectNode root = mapper.createObjectNode();
    ArrayNode here = root.putArray("models");
    models.forEach(model -> describe(here.addObject(), model));
    ArrayNode catalogue = root.putArray("can_be_pulled");
    for (CatalogueEntry entry : offers) {
      ObjectNode node = catalogue.addObject().put("name", entry.name());
      node.put("description", entry.description()).put("licence", entry.licence());
      node.put("bytes", entry.bytes());
      ArrayNode languages = node.putArray("languages");
      entry.languages().forEach(languages::add);
      ArrayNode sources = node.putArray("sources");
      entry.sources().forEach(source -> sources.add(source.toString()));
    }
    try {
      return mapper.writerWithDefaultPrettyPrinter().writeValueAsString(root);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a tree of texts and numbers can be written", e);
    }
  }

  private static void describe(ObjectNode node, StoredModel model) {
    node.put("name", model.name()).put("bytes", model.bytes());
    node.put("format", model.format().label()).put("weights", model.weights());
    node.put("licence", model.licence()).put("source", model.source());
    node.put("revision", model.revision()).put("sha256", model.sha256());
    node.put("pulled", model.pulled().toString()).put("path", model.path().toString());
    node.put("state", model.state().name().toLowerCase(Locale.ROOT));
    node.put("detail", model.detail());
  }
}
