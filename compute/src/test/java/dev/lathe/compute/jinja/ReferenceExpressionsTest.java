package dev.lathe.compute.jinja;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.lathe.compute.LatheException;
import java.io.IOException;
import java.io.InputStream;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/// Small templates against what the reference, Jinja 3 as transformers sets it up, makes of them
/// (recorded by `tools/chat-template-fixtures/generate.py`).
class ReferenceExpressionsTest {
  private static final Clock CLOCK =
      Clock.fixed(Instant.parse("2026-03-09T14:05:07Z"), ZoneOffset.UTC);

  @Test
  void everyTemplateRendersAsTheReferenceDoesAndFailsWhereItFails() throws IOException {
    JsonNode fixture = fixture();
    Map<String, Value> variables = new LinkedHashMap<>();
    Map<?, ?> plain = new ObjectMapper().convertValue(fixture.path("variables"), Map.class);
    plain.forEach((name, value) -> variables.put((String) name, Value.from(value, 7)));

    List<String> wrong = new ArrayList<>();
    for (JsonNode test : fixture.path("cases")) {
      String template = test.path("template").asText();
      String expected = test.has("output") ? test.path("output").asText() : "an error";
      String found = render(template, variables);
      boolean same =
          test.has("output")
              ? found.equals(expected)
              : found.startsWith("chat template, line ")
                  || found.startsWith("the model's chat template refuses");
      if (!same) {
        wrong.add(template + "\n  wanted " + expected + "\n  found  " + found);
      }
    }

    assertThat(fixture.path("cases").size()).isGreaterThan(50);
    assertThat(wrong).isEmpty();
  }

  private static String render(String template, Map<String, Value> variables) {
    try {
      return Template.parse(template)
          .render(variables, CLOCK, Template.Limits.USUAL)
          .text()
          .characters();
    } catch (LatheException e) {
      return String.valueOf(e.getMessage());
    }
  }

  private static JsonNode fixture() throws IOException {
    try (InputStream in =
        ReferenceExpressionsTest.class.getResourceAsStream("jinja-expressions.json")) {
      return new ObjectMapper().readTree(in);
    }
  }
}
