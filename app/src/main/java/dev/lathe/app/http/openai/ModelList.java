package dev.lathe.app.http.openai;

import dev.lathe.app.http.Call;
import dev.lathe.app.http.Fault;
import dev.lathe.app.http.Refusal;
import dev.lathe.app.http.Route;
import dev.lathe.app.http.Shape;
import dev.lathe.app.http.serving.Serving;
import dev.lathe.platform.access.Operation;
import dev.lathe.platform.gateway.ServedModels;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// `/v1/models`: the base, its adapters and the aliases.
record ModelList(List<Entry> data) {
  /// @param root the name that an alias stands for; otherwise the name itself
  /// @param parent the base of an adapter
  /// @param maxModelLength most tokens of prompt and answer together
  record Entry(
      String id, long created, String root, @Nullable String parent, long maxModelLength) {}

  private static final Shape<Entry> ENTRY =
      Shape.<Entry>named("Model")
          .text("id", "the name to ask for", Entry::id)
          .constant("object", "model")
          .whole("created", "when it began to answer, in seconds since 1970", Entry::created)
          .constant("owned_by", "lathe")
          .text("root", "what an alias stands for, otherwise the name itself", Entry::root)
          .text("parent", "the base model of an adapter", Entry::parent)
          .orNull()
          .whole(
              "max_model_len", "most tokens of prompt and answer together", Entry::maxModelLength)
          .build();

  private static final Shape<ModelList> SHAPE =
      Shape.<ModelList>named("ModelList")
          .constant("object", "list")
          .objects("data", "the models", ModelList::data, ENTRY)
          .build();

  static List<Route> routes(Serving serving) {
    return List.of(
        Route.get("/v1/models")
            .needs(Operation.LIST)
            .summary("List the models that answer: base, adapters, aliases")
            .gives(SHAPE)
            .by(call -> call.send(SHAPE, new ModelList(entries(serving)))),
        Route.get("/v1/models/{model}")
            .needs(Operation.LIST)
            .summary("Show one model")
            .parameter("model", "its name")
            .gives(ENTRY)
            .fails(Fault.MODEL_NOT_FOUND)
            .by(call -> one(call, serving)));
  }

  private static void one(Call call, Serving serving) throws IOException {
    String name = serving.model(call.segment("model")).name();
    Entry found =
        entries(serving).stream()
            .filter(entry -> entry.id.equals(name))
            .findFirst()
            .orElseThrow(() ->
                new Refusal(Fault.MODEL_NOT_FOUND, "the model '" + name + "' was just unloaded"));
    call.send(ENTRY, found);
  }

  private static List<Entry> entries(Serving serving) {
    ServedModels models = serving.models();
    long context = serving.generator().context();
    long since = models.since().getEpochSecond();
    List<Entry> entries = new ArrayList<>();
    entries.add(new Entry(models.base(), since, models.base(), null, context));
    for (ServedModels.LoadedAdapter each : models.adapters()) {
      long loaded = each.loaded().getEpochSecond();
      entries.add(new Entry(each.name(), loaded, each.name(), models.base(), context));
    }
    for (Map.Entry<String, String> alias : models.aliases().entrySet()) {
      String parent = alias.getValue().equals(models.base()) ? null : models.base();
      entries.add(new Entry(alias.getKey(), since, alias.getValue(), parent, context));
    }
    return entries;
  }
}
