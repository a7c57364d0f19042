package dev.lathe.app.http.service;

import dev.lathe.app.http.Call;
import dev.lathe.app.http.Fault;
import dev.lathe.app.http.Fields;
import dev.lathe.app.http.Refusal;
import dev.lathe.app.http.Route;
import dev.lathe.app.http.Shape;
import dev.lathe.app.http.serving.Serving;
import dev.lathe.app.http.serving.Traffic;
import dev.lathe.compute.LatheException;
import dev.lathe.compute.engine.AdapterPool;
import dev.lathe.compute.engine.AdapterVersion;
import dev.lathe.platform.access.Operation;
import dev.lathe.platform.gateway.ServedModels;
import dev.lathe.platform.gateway.Workspace;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// `/v1/adapters`: adapters come and go while the server answers.
final class AdapterRoutes {
  private static final Shape<Shown> ADAPTER =
      Shape.<Shown>named("Adapter")
          .text("id", "the name to ask for", shown -> shown.loaded.name())
          .constant("object", "adapter")
          .text("parent", "its base model", Shown::base)
          .text(
              "sha256",
              "of its factors: equal factors are one version",
              shown -> shown.version().id())
          .whole("rank", "the largest of its factors", shown -> shown.version().rank())
          .whole("tensors", "factors applied", shown -> shown.version().tensors())
          .whole(
              "bytes",
              "memory that it takes while it is in memory",
              shown -> shown.version().bytes())
          .flag("in_memory", "if not, it is read when a request names it", Shown::inMemory)
          .flag("pinned", "whether it stays in memory", Shown::pinned)
          .text("path", "where it was loaded from", shown -> shown.loaded.directory().toString())
          .whole(
              "loaded",
              "since when it answers, in seconds since 1970",
              shown -> shown.loaded.loaded().getEpochSecond())
          .texts("aliases", "other names that stand for it now", Shown::aliases)
          .whole(
              "in_flight",
              "requests that this version answers or that wait for it",
              shown -> shown.count.inFlight())
          .whole("served", "requests that this version has answered", shown -> shown.count.served())
          .text("note", "what to know about it", shown -> shown.loaded.note().orElse(null))
          .orNull()
          .build();

  private static final Shape<Map.Entry<String, String>> ALIAS =
      Shape.<Map.Entry<String, String>>named("Alias")
          .text("id", "the name to ask for", Map.Entry::getKey)
          .constant("object", "alias")
          .text("root", "what it stands for", Map.Entry::getValue)
          .build();

  private static final Shape<Listed> LIST =
      Shape.<Listed>named("AdapterList")
          .constant("object", "list")
          .objects("data", "in the order in which they were loaded", Listed::adapters, ADAPTER)
          .objects("aliases", "all of them", Listed::aliases, ALIAS)
          .build();

  private record Deleted(String name, boolean alias) {}

  private static final Shape<Deleted> DELETED =
      Shape.<Deleted>named("AdapterDeleted")
          .text("id", "the name that was taken away", Deleted::name)
          .text("object", "adapter or alias", deleted -> deleted.alias ? "alias" : "adapter")
          .flag("deleted", "always true", _ -> true)
          .build();

  private final Serving serving;
  private final Workspace workspace;

  private AdapterRoutes(Serving serving, Workspace workspace) {
    this.serving = serving;
    this.workspace = workspace;
  }

  private record Shown(
      ServedModels.LoadedAdapter loaded,
      String base,
      boolean inMemory,
      boolean pinned,
      List<String> aliases,
      Traffic.Count count) {
    AdapterVersion version() {
      return loaded.version();
    }
  }

  private record Listed(List<Shown> adapters, List<Map.Entry<String, String>> aliases) {}

  private record Load(String name, String path, boolean pinned) {
    static Load read(Fields in) {
      return new Load(
          in.field("name", "the name that it shall answer to").text(),
          in.field("path", "its directory, relative to the workspace").text(),
          in.field("pinned", "keep it in memory whatever else is loaded").flag(false));
    }
  }

  private record Change(boolean pinned) {
    static Change read(Fields in) {
      return new Change(in.field("pinned", "whether it stays in memory").flag());
    }
  }

  private record Alias(String alias) {
    static Alias read(Fields in) {
      return new Alias(in.field("alias", "the name that shall stand for it").text());
    }
  }

  /// @param workspace where adapters may be loaded from
  static List<Route> of(Serving serving, Workspace workspace) {
    AdapterRoutes routes = new AdapterRoutes(serving, workspace);
    return List.of(
        Route.get("/v1/adapters")
            .needs(Operation.MANAGE_ADAPTERS)
            .summary("List adapters and aliases")
            .gives(LIST)
            .by(call -> call.send(LIST, routes.all())),
        Route.post("/v1/adapters")
            .needs(Operation.MANAGE_ADAPTERS)
            .summary("Load an adapter and let it answer")
            .gives(ADAPTER)
            .fails(Fault.CONFLICT, Fault.NO_ROOM)
            .by("LoadAdapter", Load::read, routes::load),
        Route.get("/v1/adapters/{name}")
            .needs(Operation.MANAGE_ADAPTERS)
            .summary("Show an adapter")
            .parameter("name", "its own name")
            .gives(ADAPTER)
            .fails(Fault.NOT_FOUND)
            .by(call -> call.send(ADAPTER, routes.named(call.segment("name")))),
        Route.post("/v1/adapters/{name}")
            .needs(Operation.MANAGE_ADAPTERS)
            .summary("Keep an adapter in memory, or let it make room again")
            .parameter("name", "its own name")
            .gives(ADAPTER)
            .fails(Fault.NOT_FOUND, Fault.NO_ROOM)
            .by("ChangeAdapter", Change::read, routes::change),
        Route.delete("/v1/adapters/{name}")
            .needs(Operation.MANAGE_ADAPTERS)
            .summary("Take an adapter or an alias away; answers under way are completed")
            .parameter("name", "an adapter's own name, or an alias")
            .gives(DELETED)
            .fails(Fault.NOT_FOUND, Fault.CONFLICT)
            .by(routes::unload),
        Route.post("/v1/adapters/{name}/alias")
            .needs(Operation.MANAGE_ADAPTERS)
            .summary("Let another name stand for an adapter or the base, from the next request on")
            .parameter("name", "an adapter's own name, or the base's")
            .gives(ALIAS)
            .fails(Fault.NOT_FOUND, Fault.CONFLICT)
            .by("AliasAdapter", Alias::read, routes::alias));
  }

  private Listed all() {
    ServedModels models = serving.models();
    List<Shown> shown = new ArrayList<>();
    for (ServedModels.LoadedAdapter each : models.adapters()) {
      show(each).ifPresent(shown::add);
    }
    return new Listed(shown, List.copyOf(models.aliases().entrySet()));
  }

  private Shown named(String name) {
    return show(serving.models().adapter(name))
        .orElseThrow(
            () -> new Refusal(Fault.NOT_FOUND, "the adapter '" + name + "' was just unloaded"));
  }

  /// @return nothing when it is unloaded meanwhile
  private Optional<Shown> show(ServedModels.LoadedAdapter loaded) {
    ServedModels models = serving.models();
    AdapterPool pool = serving.generator().adapters();
    String id = loaded.version().id();
    List<String> aliases =
        models.aliases().entrySet().stream()
            .filter(alias -> alias.getValue().equals(loaded.name()))
            .map(Map.Entry::getKey)
            .toList();
    try {
      return Optional.of(
          new Shown(
              loaded,
              models.base(),
              pool.isInMemory(id),
              pool.isPinned(id),
              aliases,
              serving.traffic().of(id)));
    } catch (LatheException gone) {
      return Optional.empty();
    }
  }

  private void load(Call call, Load load) throws IOException {
    ServedModels models = serving.models();
    about("name", () -> ServedModels.requireName(load.name));
    requireFree(load.name);
    try {
      models.load(load.name, workspace.adapter(load.path));
    } catch (LatheException e) {
      requireFree(load.name);
      boolean unfit =
          e.kind() == LatheException.Kind.USER || e.kind() == LatheException.Kind.ENVIRONMENT;
      throw unfit
          ? new Refusal(Fault.INVALID_VALUE, String.valueOf(e.getMessage()), "path")
          : Refusal.of(e, "path");
    }
    if (load.pinned) {
      pin(load.name);
    }
    call.send(ADAPTER, named(load.name));
  }

  private void requireFree(String name) {
    if (serving.models().has(name)) {
      throw new Refusal(
          Fault.CONFLICT,
          "the name '%s' is taken: choose another, or unload what has it; an adapter never changes under its name"
              .formatted(name),
          "name");
    }
  }

  /// Keeps in memory what was just loaded, or unloads it.
  private void pin(String name) {
    try {
      serving.models().pin(name, true);
    } catch (LatheException e) {
      serving.models().unload(name);
      throw Refusal.of(e, "pinned");
    }
  }

  private static void about(String parameter, Runnable work) {
    try {
      work.run();
    } catch (LatheException e) {
      throw Refusal.of(e, parameter);
    }
  }

  private void change(Call call, Change change) throws IOException {
    String name = call.segment("name");
    serving.models().pin(name, change.pinned);
    call.send(ADAPTER, named(name));
  }

  private void unload(Call call) throws IOException {
    String name = call.segment("name");
    for (Map.Entry<String, String> alias : serving.models().aliases().entrySet()) {
      if (alias.getValue().equals(name)) {
        throw new Refusal(
            Fault.CONFLICT,
            "the alias '%s' stands for '%s': point it elsewhere or take it away first"
                .formatted(alias.getKey(), name));
      }
    }
    boolean isAlias = serving.models().aliases().containsKey(name);
    serving.models().unload(name);
    call.send(DELETED, new Deleted(name, isAlias));
  }

  private void alias(Call call, Alias alias) throws IOException {
    String target = call.segment("name");
    ServedModels models = serving.models();
    boolean own =
        alias.alias.equals(models.base())
            || models.adapters().stream().anyMatch(each -> each.name().equals(alias.alias));
    if (own) {
      throw new Refusal(
          Fault.CONFLICT,
          "'" + alias.alias + "' is a model's own name: choose another for the alias",
          "alias");
    }
    about("alias", () -> ServedModels.requireName(alias.alias));
    about("name", () -> models.alias(alias.alias, target));
    call.send(ALIAS, Map.entry(alias.alias, target));
  }
}
