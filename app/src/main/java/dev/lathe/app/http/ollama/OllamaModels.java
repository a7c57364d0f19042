package dev.lathe.app.http.ollama;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.app.http.Call;
import dev.lathe.app.http.Fault;
import dev.lathe.app.http.Fields;
import dev.lathe.app.http.Refusal;
import dev.lathe.app.http.Route;
import dev.lathe.app.http.Schemas;
import dev.lathe.app.http.Shape;
import dev.lathe.app.http.serving.Serving;
import dev.lathe.compute.model.ModelConfig;
import dev.lathe.platform.access.Operation;
import dev.lathe.platform.gateway.ModelFacts;
import dev.lathe.platform.gateway.ServedModels;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// What Ollama tells about models: `/api/tags`, `/api/ps`, `/api/show`, `/api/version`.
record OllamaModels(List<Entry> models) {
  /// The version of Ollama whose API these routes follow: tools ask for a least one.
  private static final String FOLLOWED = "0.13.5";

  private static final String LATEST = ":latest";

  /// When a model is unloaded that is not.
  private static final Instant NEVER = Instant.parse("2318-01-01T00:00:00Z");

  /// A model that answers.
  ///
  /// @param digest SHA-256 of the base, or of the adapter
  /// @param parent the base of an adapter; empty for the base
  record Entry(String name, Instant since, long bytes, String digest, String parent, Facts facts) {
    /// As in a Modelfile, where tools look for how long a prompt may be.
    private String parameters() {
      return "num_ctx " + facts.context;
    }
  }

  /// @param context most tokens of prompt and answer
  record Facts(ModelConfig config, ModelFacts base, int context, boolean thinks) {
    private String family() {
      return config.family().name().toLowerCase(Locale.ROOT);
    }
  }

  private static final Shape<Entry> DETAILS =
      Shape.<Entry>named("OllamaDetails")
          .text("parent_model", "the base of an adapter, or empty", Entry::parent)
          .text("format", "gguf or safetensors", each -> each.facts.base.format())
          .text("family", "architecture", each -> each.facts.family())
          .texts("families", "the same", each -> List.of(each.facts.family()))
          .text("parameter_size", "of the base", each -> each.facts.base.parameterSize())
          .text("quantization_level", "how it is stored", each -> each.facts.base.precision())
          .build();

  private static Shape.Builder<Entry> entry(String name) {
    return Shape.<Entry>named(name)
        .text("name", "the name to ask for", Entry::name)
        .text("model", "the same", Entry::name)
        .whole("size", "bytes", Entry::bytes)
        .text("digest", "SHA-256 of the base or the adapter", Entry::digest)
        .object("details", "more about it", each -> each, DETAILS);
  }

  private static final Shape<OllamaModels> TAGS =
      Shape.<OllamaModels>named("OllamaModels")
          .objects(
              "models",
              "base, adapters, aliases",
              OllamaModels::models,
              entry("OllamaModel")
                  .text("modified_at", "when it was loaded", each -> each.since.toString())
                  .build())
          .build();

  private static final Shape<OllamaModels> RUNNING =
      Shape.<OllamaModels>named("OllamaRunningModels")
          .objects(
              "models",
              "base, adapters, aliases: all are loaded",
              OllamaModels::models,
              entry("OllamaRunningModel")
                  .text("expires_at", "never: in the year 2318", _ -> NEVER.toString())
                  .whole("size_vram", "bytes on a GPU, not told", _ -> 0)
                  .whole("context_length", "tokens", each -> each.facts.context)
                  .build())
          .build();

  private static final Shape<Entry> SHOWN =
      Shape.<Entry>named("OllamaShow")
          .text("modelfile", "always empty: there is none", _ -> "")
          .text(
              "parameters", "the context: other options have the API's defaults", Entry::parameters)
          .text("template", "its chat template, in Jinja", each -> each.facts.base.template())
          .object("details", "more about it", each -> each, DETAILS)
          .json("model_info", Schemas.object(), "its config", OllamaModels::info)
          .texts("capabilities", "what it can do", OllamaModels::capabilities)
          .text("modified_at", "when it was loaded", each -> each.since.toString())
          .build();

  private static final Shape<String> VERSION =
      Shape.<String>named("OllamaVersion")
          .text("version", "the version of Ollama whose API is followed", version -> version)
          .build();

  private record Show(String model) {
    static Show read(Fields in) {
      String model = in.field("model", "name of the base, of an adapter, or an alias").text("");
      String name = in.field("name", "the older name of model").text("");
      in.field("verbose", "changes nothing: all is shown").flag(false);
      in.refused("system", "a model is shown as it is", "\"\"");
      in.refused("template", "a model is shown as it is", "\"\"");
      in.refused("options", "a model is shown as it is", "{}");
      if (model.isEmpty() == name.isEmpty()) {
        in.problem("model", "give 'model'");
      }
      return new Show(model + name);
    }
  }

  static List<Route> routes(Serving serving) {
    return List.of(
        Route.get("/api/tags")
            .needs(Operation.LIST)
            .summary("List the models that answer, as Ollama does")
            .gives(TAGS)
            .errorsAs(OllamaRoutes.ERROR)
            .by(call -> call.send(TAGS, new OllamaModels(entries(serving)))),
        Route.get("/api/ps")
            .needs(Operation.LIST)
            .summary("List the models that are loaded, as Ollama does")
            .gives(RUNNING)
            .errorsAs(OllamaRoutes.ERROR)
            .by(call -> call.send(RUNNING, new OllamaModels(entries(serving)))),
        Route.post("/api/show")
            .needs(Operation.LIST)
            .summary("Show one model, as Ollama does")
            .gives(SHOWN)
            .fails(Fault.MODEL_NOT_FOUND)
            .errorsAs(OllamaRoutes.ERROR)
            .by("OllamaShowRequest", Show::read, (call, request) -> show(call, serving, request)),
        Route.get("/api/version")
            .needs(Operation.LOOK)
            .summary("Say which version of Ollama's API this is")
            .gives(VERSION)
            .errorsAs(OllamaRoutes.ERROR)
            .by(call -> call.send(VERSION, FOLLOWED)));
  }

  private static void show(Call call, Serving serving, Show request) throws IOException {
    String name = model(serving, request.model).name();
    Entry found =
        entries(serving).stream()
            .filter(entry -> entry.name.equals(name))
            .findFirst()
            .orElseThrow(() ->
                new Refusal(Fault.MODEL_NOT_FOUND, "the model '" + name + "' was just unloaded"));
    call.send(SHOWN, found);
  }

  /// What a name stands for, with or without Ollama's `:latest`.
  ///
  /// @throws Refusal when it stands for nothing
  static ServedModels.Model model(Serving serving, String name) {
    return serving.model(
        name.endsWith(LATEST) ? name.substring(0, name.length() - LATEST.length()) : name);
  }

  private static List<Entry> entries(Serving serving) {
    ServedModels models = serving.models();
    ModelFacts base = serving.generator().facts();
    Facts facts =
        new Facts(
            serving.generator().config(),
            base,
            serving.generator().context(),
            serving.generator().thinks());
    List<Entry> entries = new ArrayList<>();
    entries.add(new Entry(models.base(), models.since(), base.bytes(), base.sha256(), "", facts));
    for (ServedModels.LoadedAdapter each : models.adapters()) {
      entries.add(
          new Entry(
              each.name(),
              each.loaded(),
              each.version().bytes(),
              each.version().id(),
              models.base(),
              facts));
    }
    for (Map.Entry<String, String> alias : models.aliases().entrySet()) {
      entries.stream()
          .filter(entry -> entry.name.equals(alias.getValue()))
          .findFirst()
          .ifPresent(target ->
              entries.add(
                  new Entry(
                      alias.getKey(),
                      target.since,
                      target.bytes,
                      target.digest,
                      target.parent,
                      facts)));
    }
    return entries;
  }

  private static List<String> capabilities(Entry entry) {
    List<String> capabilities = new ArrayList<>(List.of("completion", "embedding"));
    if (!entry.facts.base.template().isEmpty()) {
      capabilities.add("tools");
    }
    if (entry.facts.thinks) {
      capabilities.add("thinking");
    }
    return capabilities;
  }

  private static ObjectNode info(Entry entry) {
    ModelConfig config = entry.facts.config;
    String family = entry.facts.family();
    return JsonNodeFactory.instance
        .objectNode()
        .put("general.architecture", family)
        .put("general.parameter_count", entry.facts.base.parameters())
        .put(family + ".context_length", entry.facts.context)
        .put(family + ".embedding_length", config.width())
        .put(family + ".block_count", config.layers())
        .put(family + ".feed_forward_length", config.feedForward())
        .put(family + ".attention.head_count", config.heads())
        .put(family + ".attention.head_count_kv", config.kvHeads())
        .put(family + ".vocab_size", config.vocabulary());
  }
}
