package dev.lathe.compute.tool;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lathe.compute.text.ToolCall;
import dev.lathe.compute.tool.CallForm.Part;
import dev.lathe.compute.tool.CallParser.Event;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CallParserTest {
  private static final String CALL =
      "<tool_call>\n{\"name\": \"f.g\", \"arguments\": {\"a\": \"}\\\"{\", \"b\": [1, {}]}}\n</tool_call>";
  private static final CallForm LIST =
      new CallForm(
          "[TOOL_CALLS][{\"name\": \"",
          List.of(
              new Part.Name(),
              new Part.Fixed("\", \"arguments\": "),
              new Part.Arguments(),
              new Part.Fixed(", \"id\": \""),
              new Part.Id()),
          Optional.of("\"}, {\"name\": \""),
          "\"}]",
          Set.of("[TOOL_CALLS]"));
  private static final CallForm BARE =
      new CallForm(
          "{\"name\": \"",
          List.of(new Part.Name(), new Part.Fixed("\", \"parameters\": "), new Part.Arguments()),
          Optional.empty(),
          "}",
          Set.of());

  private static List<Event> events(CallForm form, String... pieces) {
    CallParser parser = form.parser();
    List<Event> events = new ArrayList<>();
    for (String piece : pieces) {
      events.addAll(parser.push(piece));
    }
    events.addAll(parser.finish());
    return events;
  }

  @Test
  void callsAreToldAsTheyCome() {
    assertThat(
            events(
                CallForm.GENERIC,
                "Let me",
                " see.\n<tool",
                "_call>\n{\"name\": \"f",
                "\", \"arguments\": {\"a\"",
                ": 1}}\n</tool_call>"))
        .containsExactly(
            new Event.Text("Let me"),
            new Event.Text(" see."),
            new Event.Began(0, "f"),
            new Event.Arguments(0, "{\"a\""),
            new Event.Arguments(0, ": 1}"),
            new Event.Ended(0));
  }

  @Test
  void whereThePiecesAreCutMakesNoDifference() {
    String output = "One <b> and\n" + CALL + "\n" + CALL;
    CallParser.Parsed whole = CallForm.GENERIC.parser().parse(output);

    assertThat(whole.text()).isEqualTo("One <b> and");
    assertThat(whole.calls())
        .containsExactly(
            new ToolCall("call_0", "f.g", "{\"a\": \"}\\\"{\", \"b\": [1, {}]}"),
            new ToolCall("call_1", "f.g", "{\"a\": \"}\\\"{\", \"b\": [1, {}]}"));
    for (int cut = 0; cut <= output.length(); cut++) {
      StringBuilder text = new StringBuilder();
      StringBuilder arguments = new StringBuilder();
      for (Event event :
          events(CallForm.GENERIC, output.substring(0, cut), output.substring(cut))) {
        switch (event) {
          case Event.Text(String more) -> text.append(more);
          case Event.Arguments(_, String json) -> arguments.append(json);
          case Event.Began(_, String name) -> assertThat(name).isEqualTo("f.g");
          case Event.Ended _ -> arguments.append(';');
        }
      }
      assertThat(text.toString()).isEqualTo("One <b> and");
      assertThat(arguments.toString()).isEqualTo("{\"a\": \"}\\\"{\", \"b\": [1, {}]};".repeat(2));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "no call",
        "a < b <tool> <tool_cal",
        "<tool_call> {\"name\": \"f\"}",
        "<tool_call>",
        "<<tool_call>x<tool_call>\n",
        "white space at the end \n ",
        "<tool_call>\n{\"name\": \"\""
      })
  void whatOnlyLooksLikeACallIsText(String output) {
    assertThat(CallForm.GENERIC.parser().parse(output))
        .isEqualTo(new CallParser.Parsed(output, List.of()));
  }

  @Test
  void aCallAfterAFalseBeginningIsFound() {
    CallParser.Parsed parsed = CallForm.GENERIC.parser().parse("<tool_call>\n<tool_call>" + CALL);

    assertThat(parsed.text()).isEqualTo("<tool_call>\n<tool_call>");
    assertThat(parsed.calls()).hasSize(1);
  }

  @Test
  void aCallThatIsCutOffIsBegunButNotEnded() {
    List<Event> events = events(CallForm.GENERIC, CALL.substring(0, CALL.indexOf("[1")));

    assertThat(events)
        .containsExactly(
            new Event.Began(0, "f.g"), new Event.Arguments(0, "{\"a\": \"}\\\"{\", \"b\": "));
    assertThat(CallForm.GENERIC.parser().parse(CALL.substring(0, 60)).calls()).isEmpty();
  }

  @Test
  void listsWithIdentifiersAreRead() {
    String output =
        "Hm.[TOOL_CALLS][{\"name\": \"f\", \"arguments\": {}, \"id\": \"abcdefghi\"},"
            + " {\"name\": \"g\", \"arguments\": {\"x\": 1}, \"id\": \"123456789\"}] ok";

    CallParser.Parsed parsed = LIST.parser().parse(output);

    assertThat(parsed.text()).isEqualTo("Hm. ok");
    assertThat(parsed.calls())
        .containsExactly(
            new ToolCall("call_0", "f", "{}"), new ToolCall("call_1", "g", "{\"x\": 1}"));
  }

  @Test
  void aBareObjectIsACallAtTheBeginningOnly() {
    String call = "{\"name\": \"f\", \"parameters\": {\"x\": {}}}";

    assertThat(BARE.parser().parse(call).calls())
        .containsExactly(new ToolCall("call_0", "f", "{\"x\": {}}"));
    assertThat(BARE.parser().parse("So: " + call))
        .isEqualTo(new CallParser.Parsed("So: " + call, List.of()));
    assertThat(BARE.parser().parse("{\"names\": 1}").text()).isEqualTo("{\"names\": 1}");
  }

  @Test
  void anIdentifierMayStandBeforeTheName() {
    CallForm form =
        new CallForm(
            "<call id=",
            List.of(new Part.Id(), new Part.Fixed(" name="), new Part.Name(), new Part.Arguments()),
            Optional.empty(),
            ">",
            Set.of());

    assertThat(form.parser().parse("<call id=abcdefghi name=f{\"x\": 1}>").calls())
        .containsExactly(new ToolCall("call_0", "f", "{\"x\": 1}"));
    assertThat(form.parser().parse("<call id=abc nome=f>").text())
        .isEqualTo("<call id=abc nome=f>");
  }
}
