package dev.lathe.compute.grammar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.lathe.compute.LatheException;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Schemas against the library json-schema-validator.
class JsonSchemaGrammarTest {
  private static final List<String> PIECES =
      List.of(
          "{\"", "\":", "\": ", "\",", "\", \"", "\"}", "}}", "],", "[{", "\n  ", ", ", "a", "ab",
          "abc", "true", "fal", "null", "10", "12", "0.5", ".25", "-", "\\n", "\\\"", "日本", "日",
          "😀", "Name", "\"a\"", "\"b\":", "x y", "zz", "2024-", "02-29", "T10:", "@ex.org",
          "://a.b/");

  @Test
  void whatIsGeneratedIsValid() {
    Random random = new Random(11);
    Schemas schemas = new Schemas(random);
    Vocabulary vocabulary = Outputs.vocabulary(PIECES.toArray(String[]::new));
    int finished = 0;
    for (int i = 0; i < 250; i++) {
      ObjectNode schema = schemas.schema(3);
      Optional<CompiledGrammar> grammar = compiled(schema, vocabulary);
      for (int j = 0; j < 6 && grammar.isPresent(); j++) {
        var output = Outputs.random(grammar.get(), random, 400);
        finished += output.isPresent() ? 1 : 0;
        output.ifPresent(text ->
            assertThat(Schemas.valid(schema, Schemas.parse(text)))
                .as("%s under %s", text, schema)
                .isTrue());
      }
    }
    assertThat(finished).isGreaterThan(700);
  }

  @Test
  void valuesAreAcceptedExactlyWhenTheyAreValid() {
    Random random = new Random(12);
    Schemas schemas = new Schemas(random);
    int valid = 0;
    int invalid = 0;
    for (int i = 0; i < 400; i++) {
      ObjectNode schema = schemas.schema(3);
      Optional<CompiledGrammar> grammar = compiled(schema, Outputs.vocabulary());
      for (int j = 0; j < 25; j++) {
        JsonNode value = schemas.value(schema);
        boolean expected = Schemas.valid(schema, value);
        boolean found = grammar.isPresent() && Outputs.accepts(grammar.get(), value.toString());
        assertThat(found).as("%s under %s", value, schema).isEqualTo(expected);
        valid += expected ? 1 : 0;
        invalid += expected ? 0 : 1;
      }
    }
    assertThat(valid).isGreaterThan(2000);
    assertThat(invalid).isGreaterThan(2000);
  }

  /// Empty where a schema allows nothing, which is refused.
  private static Optional<CompiledGrammar> compiled(JsonNode schema, Vocabulary vocabulary) {
    try {
      return Optional.of(new GrammarCompiler(vocabulary).compile(Grammar.jsonSchema(schema)));
    } catch (LatheException e) {
      assertThat(e).as(schema.toString()).hasMessageContaining("allows no text at all");
      return Optional.empty();
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      quoteCharacter = '`',
      value = {
        // recursion, references, merging
        "{'$ref':'#/$defs/n','$defs':{'n':{'type':'object','properties':{'v':{'type':'integer'},"
            + "'next':{'anyOf':[{'$ref':'#/$defs/n'},{'type':'null'}]}},'required':['v']}}}"
            + " ~ {'v':1,'next':{'v':2,'next':null}} ~ {'v':1,'next':{'next':null}}",
        "{'type':'object','properties':{'x':{'$ref':'#/properties/y'},'y':{'type':'boolean'}}}"
            + " ~ {'x':true} ~ {'x':1}",
        "{'allOf':[{'type':'object','properties':{'a':{'type':'integer'}},'required':['a']},"
            + "{'properties':{'b':{'type':'string'}}},{'required':['b']}]}"
            + " ~ {'a':1,'b':'x'} ~ {'a':1}",
        "{'allOf':[{'type':'integer','minimum':3},{'maximum':5}]} ~ 4 ~ 6",
        "{'$ref':'#/$defs/p','maxLength':3,'$defs':{'p':{'type':'string','pattern':'^a'}}}"
            + " ~ 'abc' ~ 'abcd'",
        "{'oneOf':[{'type':'object','properties':{'k':{'const':'a'},'v':{'type':'integer'}},"
            + "'required':['k','v']},{'type':'object','properties':{'k':{'const':'b'}},"
            + "'required':['k']}]} ~ {'k':'a','v':1} ~ {'k':'b','v':1}",
        "{'oneOf':[{'type':'integer'},{'type':'string'}]} ~ 'x' ~ true",
        "{'enum':[1,'b',null],'type':['integer','null']} ~ null ~ 'b'",
        "{'const':{'a':[1,2,{'b':'c'}]}} ~ {'a':[1,2,{'b':'c'}]} ~ {'a':[1,2]}",
        "{'type':'object','properties':{'a':{}},'minProperties':1,"
            + "'additionalProperties':{'type':'integer'}} ~ {'b':2} ~ {}",
        "{'type':'object','additionalProperties':{'type':'integer'},'maxProperties':2}"
            + " ~ {'p':1,'q':2} ~ {'p':1,'q':2,'r':3}",
        "{'type':'object','propertyNames':{'pattern':'^[a-z]+$','maxLength':3}}"
            + " ~ {'abc':1} ~ {'Abc':1}",
        "{'type':'object','patternProperties':{'^n':{'type':'number'},'x$':{'minimum':5,"
            + "'type':'number'}},'additionalProperties':false} ~ {'n':1,'nx':6} ~ {'nx':4}",
        // conclusions about the type, and objects that close themselves
        "{'properties':{'a':{'minLength':2}}} ~ {'a':'xy'} ~ {'a':'x'}",
        "{'type':'object','properties':{'a':{'type':'null'}}} ~ {'a':null} ~ {'a':null,'b':1}",
        "{'type':'object','required':['z']} ~ {'z':[1,{}]} ~ {'y':1}",
        "true ~ {'any':[1,'x',null]} ~ {'any':}",
        "{'type':'array','prefixItems':[{'type':'integer'},{'type':'string'}],'minItems':1}"
            + " ~ [1,'a',null] ~ ['a']",
        "{'type':'integer','format':'int32'} ~ -2147483648 ~ 2147483648",
        "{'type':'number','multipleOf':0.05,'minimum':0} ~ 12.35 ~ 12.36",
        "{'type':'string','maxLength':2} ~ '😀é' ~ '😀éx'",
        "{'type':'string','enum':['red','green']} ~ 'red' ~ 'blue'"
      })
  void oneValueInsideAndOneOutside(String schema, String inside, String outside) {
    Grammar grammar = Grammar.jsonSchema(Schemas.parse(schema.replace('\'', '"')));

    assertThat(Outputs.accepts(grammar, inside.replace('\'', '"'))).isTrue();
    assertThat(Outputs.accepts(grammar, outside.replace('\'', '"'))).isFalse();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      quoteCharacter = '`',
      value = {
        "{'type':'object','properties':{'a':{'type':'array','uniqueItems':true}}}"
            + " ~ '#/properties/a/uniqueItems' is not supported",
        "{'not':{'type':'null'}} ~ '#/not' is not supported: say what is allowed",
        "{'type':'string','minlength':2} ~ '#/minlength' is not supported, did you mean 'minLength'",
        "{'type':'object','properties':{'a/b':{'if':{}}}} ~ '#/properties/a~1b/if' is not supported",
        "{'type':'string','format':'iri'} ~ '#/format' is 'iri', supported are date, date-time",
        "{'type':'strin'} ~ '#/type' names the type 'strin', did you mean 'string'",
        "{'$ref':'https://example.org/s'} ~ '#/$ref' refers to 'https://example.org/s'",
        "{'$ref':'#/$defs/none'} ~ '#/$ref' refers to '#/$defs/none', which is not there",
        "{'oneOf':[{'type':'integer'},{'type':'number'}]} ~ '#/oneOf' has options 0 and 1",
        "{'type':'string','pattern':'(?=a)b'} ~ '#/pattern' cannot be used: the pattern",
        "{'type':'array','items':[{}]} ~ '#/items' is a list",
        "{'type':'integer','multipleOf':123457} ~ '#/multipleOf' is 123457",
        "{'type':'string','maxLength':-1} ~ '#/maxLength' is -1, no count",
        "{'type':'object','properties':{'a':3}} ~ '#/properties/a' is neither an object nor",
        "{'properties':{'a':{'$ref':'#/$defs/x'}},'$defs':{'x':{'contains':{}}}}"
            + " ~ '#/$defs/x/contains' is not supported",
        "{'type':'object','minProperties':2} ~ '#/minProperties' is 2, and names",
        "{'type':'integer','minimum':5,'maximum':4} ~ allows no text at all",
        "{'type':'object','properties':{'a':{'$ref':'#'}},'required':['a']} ~ allows no text at all",
        "{'$id':'x','properties':{'a':{'$id':'y'}}} ~ '#/properties/a/$id' is not supported"
      })
  void whatCannotBeHeldToIsNamedWithItsPointer(String schema, String named) {
    assertThatThrownBy(
            () -> Outputs.compile(Grammar.jsonSchema(Schemas.parse(schema.replace('\'', '"')))))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining(named);
  }

  @Test
  void allProblemsAreNamedAtOnce() {
    String schema =
        """
        {"type": "object", "dependentRequired": {}, "properties": {
          "a": {"type": "string", "contentEncoding": "base64"},
          "b": {"$ref": "#/$defs/c"}}, "$defs": {"c": {"unevaluatedItems": false}}}
        """;

    assertThatThrownBy(() -> Grammar.jsonSchema(Schemas.parse(schema)))
        .hasMessageContaining("'#/dependentRequired'")
        .hasMessageContaining("'#/properties/a/contentEncoding'")
        .hasMessageContaining("'#/$defs/c/unevaluatedItems'");
  }

  @ParameterizedTest
  @CsvSource({
    "date, 2024-02-29, 2023-02-29", "time, 23:59:59.5+01:00, 24:00:00Z",
    "date-time, 1999-12-31T00:00:00Z, 1999-12-31 00:00:00", "duration, P1Y2M3DT4H5M6S, P1S",
    "email, jo.smith+x@mail.example.org, jo@@example.org", "hostname, a-b.example.org, -a.org",
    "ipv4, 192.168.0.255, 192.168.0.256", "ipv6, 2001:db8::8a2e:370:7334, 2001:db8:::1",
    "ipv6, ::1, 1:2:3:4:5:6:7:8:9", "ipv6, 1:2:3:4:5:6:7:8, ::g",
    "uri, https://example.org:80/a/b?c=d#e, example.org", "uri, mailto:a@b.org, ://x",
    "uuid, 123e4567-e89b-12d3-a456-426614174000, 123e4567e89b12d3a456426614174000"
  })
  void formats(String format, String inside, String outside) {
    JsonNode schema = Schemas.parse("{\"type\":\"string\",\"format\":\"" + format + "\"}");
    CompiledGrammar grammar = Outputs.compile(Grammar.jsonSchema(schema));

    assertThat(Outputs.accepts(grammar, "\"" + inside + "\"")).isTrue();
    assertThat(Outputs.accepts(grammar, "\"" + outside + "\"")).isFalse();
    Random random = new Random(13);
    boolean judged = !format.equals("email"); // the library knows the top-level domains there are
    for (int i = 0; i < 60 && judged; i++) {
      Outputs.random(grammar, random, 300)
          .ifPresent(
              text -> assertThat(Schemas.valid(schema, Schemas.parse(text))).as(text).isTrue());
    }
  }

  @Test
  void whiteSpaceIsAllowedWhereItIsUsualAndBounded() {
    JsonNode schema =
        Schemas.parse(
            "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"array\",\"items\":"
                + "{\"type\":\"integer\"}},\"b\":{\"type\":\"null\"}}}");
    CompiledGrammar grammar = Outputs.compile(Grammar.jsonSchema(schema));

    assertThat(Outputs.accepts(grammar, "{\"a\":[1,2],\"b\":null}")).isTrue();
    assertThat(Outputs.accepts(grammar, "{ \"a\": [ 1, 2 ], \"b\": null }")).isTrue();
    assertThat(Outputs.accepts(grammar, "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": null\n}"))
        .isTrue();
    assertThat(Outputs.accepts(grammar, "{}")).isTrue();
    assertThat(Outputs.accepts(grammar, "{  \"a\":[1]}")).isFalse();
    assertThat(Outputs.accepts(grammar, "{\n\n\"a\":[1]}")).isFalse();
    assertThat(Outputs.accepts(grammar, "{}\n")).isFalse();
  }

  @Test
  void jsonModeGivesObjectsThatParse() {
    Vocabulary vocabulary = Outputs.vocabulary(PIECES.toArray(String[]::new));
    CompiledGrammar grammar = new GrammarCompiler(vocabulary).compile(Grammar.json());
    Random random = new Random(14);
    int finished = 0;
    for (int i = 0; i < 300; i++) {
      var output = Outputs.random(grammar, random, 300);
      finished += output.isPresent() ? 1 : 0;
      output.ifPresent(text -> {
        try {
          assertThat(new com.fasterxml.jackson.databind.ObjectMapper().readTree(text).isObject())
              .isTrue();
        } catch (com.fasterxml.jackson.core.JsonProcessingException e) {
          throw new AssertionError(text, e);
        }
      });
    }
    assertThat(finished).isGreaterThan(50);
  }
}
