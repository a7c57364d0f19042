package dev.lathe.app.http.openai;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.app.http.Call;
import dev.lathe.app.http.Fault;
import dev.lathe.app.http.Fields;
import dev.lathe.app.http.Refusal;
import dev.lathe.app.http.Schemas;
import dev.lathe.app.http.serving.Serving;
import dev.lathe.compute.StrictJson;
import dev.lathe.compute.engine.TokenConstraint;
import dev.lathe.compute.grammar.GrammarSource;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// What an answer is held to, by OpenAI's `response_format` or one of vLLM's names.
///
/// @param parameter the one that says so; empty when the answer is free
/// @param grammar how it says so
record OutputForm(String parameter, Optional<GrammarSource> grammar) {
  static final OutputForm FREE = new OutputForm("", Optional.empty());

  private static final List<String> TYPES = List.of("text", "json_object", "json_schema");

  /// For chat and completions.
  static OutputForm read(Fields in) {
    List<OutputForm> forms = new ArrayList<>();
    OutputForm format =
        in.field("response_format", "text, any JSON object, or JSON by a schema")
            .objectOrNull(OutputForm::format);
    add(forms, "response_format", format);
    add(
        forms,
        "structured_outputs",
        in.field("structured_outputs", "what the answer is held to, vLLM's name")
            .objectOrNull(OutputForm::structured));
    guided(in, "guided_", forms);
    return only(in, forms);
  }

  /// What comes under one of vLLM's two sets of names.
  private static void guided(Fields in, String prefix, List<OutputForm> forms) {
    JsonNode json =
        in.field(prefix + "json", "a JSON schema that the answer fulfils")
            .<@Nullable JsonNode>any(OutputForm::schemaOrText, null, OutputForm::schema);
    if (json != null) {
      forms.add(of(prefix + "json", GrammarSource.jsonSchema(json)));
    }
    String regex =
        in.field(prefix + "regex", "a regular expression that the answer matches").textOrNull();
    if (regex != null) {
      forms.add(of(prefix + "regex", GrammarSource.regex(regex)));
    }
    List<String> choice = in.field(prefix + "choice", "texts, one of which is the answer").texts();
    if (!choice.isEmpty()) {
      forms.add(of(prefix + "choice", GrammarSource.choice(choice)));
    }
    String grammar =
        in.field(prefix + "grammar", "a grammar in GBNF that the answer follows").textOrNull();
    if (grammar != null) {
      forms.add(of(prefix + "grammar", GrammarSource.ebnf(grammar)));
    }
  }

  private static OutputForm structured(Fields in) {
    List<OutputForm> forms = new ArrayList<>();
    guided(in, "", forms);
    if (in.field("json_object", "whether the answer is any JSON object").flag(false)) {
      forms.add(of("json_object", GrammarSource.json()));
    }
    return only(in, forms);
  }

  private static OutputForm only(Fields in, List<OutputForm> forms) {
    if (forms.size() > 1) {
      in.problem(
          forms.get(1).parameter,
          "'%s' and '%s' both say what the answer is held to: give one"
              .formatted(forms.get(0).parameter, forms.get(1).parameter));
    }
    return forms.isEmpty() ? FREE : forms.getFirst();
  }

  private static void add(List<OutputForm> forms, String name, @Nullable OutputForm form) {
    if (form != null && form.grammar.isPresent()) {
      forms.add(new OutputForm(name, form.grammar));
    }
  }

  private static OutputForm of(String parameter, GrammarSource grammar) {
    return new OutputForm(parameter, Optional.of(grammar));
  }

  /// `response_format`, whose schema lies one object deeper than in [#flatFormat].
  private static OutputForm format(Fields in) {
    String type = in.field("type", "text, json_object or json_schema").choice(TYPES);
    Named named =
        in.field("json_schema", "the schema, for the type json_schema")
            .objectOrNull(OutputForm::named);
    return formed(in, type, named == null ? null : named.schema, "json_schema");
  }

  /// `text.format` of responses.
  static OutputForm flatFormat(Fields in) {
    String type = in.field("type", "text, json_object or json_schema").choice(TYPES);
    return formed(in, type, named(in).schema, "schema");
  }

  private static OutputForm formed(
      Fields in, String type, @Nullable JsonNode schema, String member) {
    if (type.equals("json_object")) {
      return of(member, GrammarSource.json());
    }
    if (type.equals("text")) {
      return FREE;
    }
    if (schema == null) {
      in.problem(member, "the type json_schema needs '" + member + "'");
      return FREE;
    }
    return of(member, GrammarSource.jsonSchema(schema));
  }

  private record Named(@Nullable ObjectNode schema) {}

  private static Named named(Fields in) {
    in.field("name", "names the schema; changes nothing else").text("");
    in.field("description", "what the schema is for; put it into a message for the model to see")
        .text("");
    in.field("strict", "answers are held to the schema whatever this says").flag(true);
    return new Named(in.field("schema", "the JSON schema").json());
  }

  private static ObjectNode schemaOrText() {
    return Schemas.either(Schemas.object(), Schemas.text());
  }

  private static JsonNode schema(JsonNode found) {
    if (found.isTextual()) {
      try {
        return StrictJson.parse(found.textValue());
      } catch (JsonProcessingException e) {
        throw new Refusal(Fault.INVALID_VALUE, "the schema is no JSON: " + StrictJson.explain(e));
      }
    }
    if (found.isObject() || found.isBoolean()) {
      return found;
    }
    throw new Refusal(Fault.INVALID_VALUE, "a JSON schema is an object");
  }

  /// What holds an answer to it; null when it is free.
  ///
  /// @throws Refusal when it cannot be held to
  /// @throws IOException when the client went away
  @Nullable Supplier<TokenConstraint> constraint(Serving serving, Call call)
      throws IOException, InterruptedException {
    return serving.constraint(call, grammar, parameter);
  }
}
