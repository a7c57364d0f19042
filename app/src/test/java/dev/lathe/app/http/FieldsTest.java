package dev.lathe.app.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import dev.lathe.compute.StrictJson;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FieldsTest {
  private record Item(String name, int count) {
    static Item read(Fields in) {
      return new Item(
          in.field("name", "its name").text(),
          in.field("count", "how many").whole(Range.from(1), 1));
    }
  }

  private record Order(
      String who, double weight, List<Item> items, List<String> notes, boolean fast) {
    static Order read(Fields in) {
      Order order =
          new Order(
              in.field("who", "who orders").choice(List.of("alice", "bob")),
              in.field("weight", "in kg").number(Range.above(0, 2.5), 1),
              in.field("items", "what").someObjects(Item::read),
              in.field("notes", "more").textOrTexts(),
              in.field("fast", "whether soon").flag(false));
      in.refused("gift", "nothing is wrapped", "false");
      return order;
    }
  }

  private static JsonNode json(String text) {
    try {
      return StrictJson.parse(text.replace('\'', '"'));
    } catch (JsonProcessingException e) {
      throw new AssertionError(e);
    }
  }

  private static Refusal refused(String text) {
    return catchThrowableOfType(Refusal.class, () -> Fields.read(json(text), Order::read));
  }

  @Test
  void objectBecomesARecordWithItsDefaults() {
    assertThat(
            Fields.read(
                json("{'who': 'bob', 'items': [{'name': 'x'}], 'notes': 'n', 'gift': false}"),
                Order::read))
        .isEqualTo(new Order("bob", 1, List.of(new Item("x", 1)), List.of("n"), false));
  }

  @Test
  void nullStandsForAnAbsentMember() {
    assertThat(
            Fields.read(
                json("{'who': 'bob', 'items': [{'name': 'x', 'count': null}], 'weight': null}"),
                Order::read))
        .isEqualTo(new Order("bob", 1, List.of(new Item("x", 1)), List.of(), false));
  }

  @Test
  void allProblemsAreToldAndTheFirstGivesTheParameter() {
    Refusal refusal =
        refused(
            "{'who': 'bop', 'weight': 0, 'items': [{'count': 0}, 3], 'fast': 1, 'gift': true,"
                + " 'itens': 1}");

    assertThat(refusal.parameter()).isEqualTo("who");
    assertThat(refusal.message())
        .contains("'who' is the text \"bop\", wanted is one of 'alice', 'bob', did you mean 'bob'?")
        .contains("'weight' is 0, outside (0, 2.5]")
        .contains("the parameter 'items[0].name' is missing")
        .contains("'items[0].count' is 0, outside [1, ...)")
        .contains("'items[1]' is 3, wanted is an object")
        .contains("'fast' is 1, wanted is true or false")
        .contains("'gift' is not supported: nothing is wrapped")
        .contains("there is no parameter 'itens', did you mean 'items'?");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'items': [{'name': 'x'}]} | missing_required_parameter | who",
        "{'who': 'bob', 'items': []} | invalid_value | items",
        "{'who': 'bob', 'items': [{'name': 'x', 'size': 1}]} | unknown_parameter | items[0].size",
        "{'who': 'bob', 'items': [{'name': 'x', 'count': 1.5}]} | invalid_value | items[0].count",
        "{'who': 'bob', 'items': [{'name': 'x', 'count': 99999999999}]} | invalid_value |"
            + " items[0].count",
        "{'who': 'bob', 'items': [{'name': 'x'}], 'weight': 1e999} | invalid_value | weight",
        "{'who': 'bob', 'items': [{'name': 'x'}], 'weight': '1'} | invalid_value | weight",
        "{'who': 'bob', 'items': [{'name': 'x'}], 'notes': ['a', 1]} | invalid_value | notes[1]",
        "{'who': 'bob', 'items': [{'name': 'x'}], 'gift': 1} | unsupported_parameter | gift"
      })
  void problemHasCodeAndPath(String text, String code, String parameter) {
    Refusal refusal = refused(text);

    assertThat(refusal.fault().code()).isEqualTo(code);
    assertThat(refusal.parameter()).isEqualTo(parameter);
  }

  @Test
  void sameReaderGivesTheSchema() {
    assertThat(json(Fields.schema(Order::read).toString()))
        .isEqualTo(
            json(
                """
                {'type': 'object',
                 'properties': {
                   'who': {'type': 'string', 'enum': ['alice', 'bob'], 'description': 'who orders'},
                   'weight': {'type': 'number', 'exclusiveMinimum': 0, 'maximum': 2.5,
                     'default': 1.0, 'description': 'in kg'},
                   'items': {'type': 'array', 'minItems': 1, 'description': 'what', 'items': {
                     'type': 'object',
                     'properties': {
                       'name': {'type': 'string', 'description': 'its name'},
                       'count': {'type': 'integer', 'minimum': 1, 'default': 1,
                         'description': 'how many'}},
                     'required': ['name'], 'additionalProperties': false}},
                   'notes': {'anyOf': [{'type': 'string'},
                     {'type': 'array', 'items': {'type': 'string'}}], 'description': 'more'},
                   'fast': {'type': 'boolean', 'default': false, 'description': 'whether soon'}},
                 'required': ['who', 'items'], 'additionalProperties': false}
                """));
  }
}
