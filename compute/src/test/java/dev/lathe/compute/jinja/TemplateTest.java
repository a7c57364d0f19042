package dev.lathe.compute.jinja;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lathe.compute.LatheException;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TemplateTest {
  private static Template.Rendered render(String template, Map<String, Value> variables) {
    return Template.parse(template)
        .render(variables, Clock.systemUTC(), new Template.Limits(200_000, 300));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      value = {
        "{% include 'x' %}; the block 'include' is not supported",
        "{{ 'a' | urlencode }}; the filter 'urlencode' is not supported",
        "{{ 1 is sameas 1 }}; the test 'sameas' is not supported",
        "{{ 'a'.format(1) }}; the method 'format' of a string is not supported",
        "{{ [1].pop() }}; the method 'pop' of a list is not supported",
        "{{ 'a' * 3 }}; '*' on a string is not supported",
        "{{ 'a' | trim(side='left') }}; the argument 'side' of the filter 'trim' is not supported",
        "{% for x in y recursive %}{% endfor %}; a 'recursive' loop is not supported",
        "{{ cycler(1) }}; undefined ('cycler') is called",
        "{{ x ? 1 }}; the character '?' means nothing in a tag",
        "{% if x %}; has no 'e",
        "{{ 'abc; a string that starts in line 1 has no end",
        "{{ 1 + }}; '}}' is not wanted here",
      })
  void whatIsNotSupportedIsNamedWithItsLine(String template, String message) {
    assertThatThrownBy(() -> render(template, Map.of()))
        .isInstanceOf(LatheException.class)
        .hasMessageContaining("line 1")
        .hasMessageContaining(message);
  }

  @Test
  void theLineOfAFaultIsCountedThroughTagsTextAndStrings() {
    assertThatThrownBy(() ->
            render("a\n{# \n #}\n{{ 'x\ny' }}\n{%- if true -%}\n{{ 1 | no }}{% endif %}", Map.of()))
        .hasMessageContaining("line 7: the filter 'no'");
  }

  @ParameterizedTest
  @CsvSource({
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% set ns = namespace(s='xxxxxxxxxxxxxxxx') %}{% for a in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}"
  })
  void aTemplateWithoutEndIsStopped(String template) {
    assertThatThrownBy(() -> render(template, Map.of()))
        .isInstanceOf(LatheException.class)
        .extracting(e -> ((LatheException) e).kind())
        .isEqualTo(LatheException.Kind.CAPACITY);
  }

  @Test
  void deepNestingIsRefusedWithoutOverflowingTheStack() {
    assertThatThrownBy(() -> render("{{ " + "(".repeat(100_000) + " }}", Map.of()))
        .isInstanceOf(LatheException.class);
    assertThatThrownBy(() -> render("{% if 1 %}".repeat(10_000), Map.of()))
        .isInstanceOf(LatheException.class);
    assertThatThrownBy(() -> render("{{ 1" + " + 1".repeat(100_000) + " }}", Map.of()))
        .isInstanceOf(LatheException.class);
    assertThatThrownBy(() -> render("{{ " + "not ".repeat(100_000) + " 1 }}", Map.of()))
        .isInstanceOf(LatheException.class);
  }

  @Test
  void everyCharacterKeepsItsOriginThroughWhatTemplatesDo() {
    Map<String, Value> variables =
        Map.of(
            "a",
            Text.of(" Ab\"c ", 1),
            "b",
            Text.of("x,y", 2),
            "m",
            Value.from(Map.of("k", "v"), 3));
    String template =
        "{{ '<' + a | trim + '>' }}{{ a | tojson }}{{ b.split(',')[-1] }}{{ a | upper }}"
            + "{{ b | replace(',', a) }}{{ m | tojson }}{{ [b] | join }}{{ b[::-1] }}{{ [a] }}";

    Text text = render(template, variables).text();

    StringBuilder origins = new StringBuilder();
    for (int i = 0; i < text.length(); i++) {
      origins.append(text.originAt(i));
    }
    assertThat(text.characters())
        .isEqualTo("<Ab\"c>\" Ab\\\"c \"y AB\"C x Ab\"c y{\"k\": \"v\"}x,yy,x[' Ab\"c ']");
    assertThat(origins.toString())
        .isEqualTo(
            "0111100111111102" + "111111" + "21111112" + "0030000300" + "222222" + "0011111100");
  }

  @Test
  void whatALoopWritesBelongsToTheItemThatHasAScope() {
    Value.Mapping first = new Value.Mapping(Map.of(Text.of("t"), Text.of("one", 1)), 5);
    Value.Mapping second = new Value.Mapping(Map.of(Text.of("t"), Text.of("two", 2)), 6);

    Template.Rendered rendered =
        render(
            "a{% for m in ms[::-1] %}{% for c in m.t %}{{ c }}{% endfor %};{% endfor %}b",
            Map.of("ms", new Value.Items(List.of(first, second))));

    assertThat(rendered.text().characters()).isEqualTo("atwo;one;b");
    assertThat(rendered.scopes())
        .containsExactly(
            new Template.Scoped(0, 1, 0),
            new Template.Scoped(1, 5, 6),
            new Template.Scoped(5, 9, 5),
            new Template.Scoped(9, 10, 0));
  }
}
