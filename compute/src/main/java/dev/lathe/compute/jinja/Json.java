package dev.lathe.compute.jinja;

import dev.lathe.compute.jinja.Value.Bool;
import dev.lathe.compute.jinja.Value.Function;
import dev.lathe.compute.jinja.Value.Int;
import dev.lathe.compute.jinja.Value.Items;
import dev.lathe.compute.jinja.Value.Mapping;
import dev.lathe.compute.jinja.Value.Namespace;
import dev.lathe.compute.jinja.Value.None;
import dev.lathe.compute.jinja.Value.Real;
import dev.lathe.compute.jinja.Value.Undefined;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// The `tojson` filter as Hugging Face defines it: Python's `json.dumps` with `ensure_ascii=False`.
/// Escaped characters keep the origin of the character that they stand for.
final class Json {
  /// @param indent blanks per level, -1 for one line
  record Style(int indent, String itemSeparator, String keySeparator, boolean sortKeys) {}

  private final Style style;
  private final int line;
  private final Text.Builder result = new Text.Builder();

  private Json(Style style, int line) {
    this.style = style;
    this.line = line;
  }

  static Text write(Value value, Style style, int line) {
    Json json = new Json(style, line);
    json.value(value, 0);
    return json.result.build();
  }

  private void value(Value value, int level) {
    switch (value) {
      case Text text -> string(text);
      case Bool bool -> result.append(bool.value() ? "true" : "false");
      case Int number -> result.append(Long.toString(number.value()));
      case Real number -> result.append(real(number.value()));
      case None none -> result.append("null");
      case Items items -> items(items.values(), level);
      case Mapping mapping -> mapping(mapping, level);
      case Undefined undefined -> throw refused(value);
      case Namespace namespace -> throw refused(value);
      case Function function -> throw refused(value);
    }
  }

  private RuntimeException refused(Value value) {
    return TemplateError.at(line, "'tojson' cannot write " + Operations.kind(value));
  }

  private static String real(double value) {
    if (Double.isNaN(value)) {
      return "NaN";
    }
    return Double.isInfinite(value)
        ? (value > 0 ? "Infinity" : "-Infinity")
        : Operations.real(value);
  }

  private void items(List<Value> items, int level) {
    if (items.isEmpty()) {
      result.append("[]");
      return;
    }
    result.append("[");
    for (int i = 0; i < items.size(); i++) {
      result.append(i == 0 ? "" : style.itemSeparator());
      newLine(level + 1);
      value(items.get(i), level + 1);
    }
    newLine(level);
    result.append("]");
  }

  private void mapping(Mapping mapping, int level) {
    if (mapping.entries().isEmpty()) {
      result.append("{}");
      return;
    }
    List<Map.Entry<Value, Value>> entries = new ArrayList<>(mapping.entries().entrySet());
    if (style.sortKeys()) {
      entries.sort((a, b) -> Operations.compare(a.getKey(), b.getKey(), line));
    }
    result.append("{");
    for (int i = 0; i < entries.size(); i++) {
      result.append(i == 0 ? "" : style.itemSeparator());
      newLine(level + 1);
      key(entries.get(i).getKey());
      result.append(style.keySeparator());
      value(entries.get(i).getValue(), level + 1);
    }
    newLine(level);
    result.append("}");
  }

  private void key(Value key) {
    if (key instanceof Text text) {
      string(text);
    } else if (key instanceof Items || key instanceof Mapping) {
      throw refused(key);
    } else {
      result.append("\"");
      value(key, 0);
      result.append("\"");
    }
  }

  private void newLine(int level) {
    if (style.indent() >= 0) {
      result.append("\n" + " ".repeat(style.indent() * level));
    }
  }

  private void string(Text text) {
    result.append("\"");
    for (Text.Run run : text.runs()) {
      result.append(escaped(text.characters(), run.start(), run.end()), run.origin());
    }
    result.append("\"");
  }

  private static String escaped(String characters, int start, int end) {
    StringBuilder escaped = new StringBuilder(end - start + 16);
    for (int i = start; i < end; i++) {
      char c = characters.charAt(i);
      switch (c) {
        case '"' -> escaped.append("\\\"");
        case '\\' -> escaped.append("\\\\");
        case '\n' -> escaped.append("\\n");
        case '\r' -> escaped.append("\\r");
        case '\t' -> escaped.append("\\t");
        case '\b' -> escaped.append("\\b");
        case '\f' -> escaped.append("\\f");
        default -> {
          if (c < ' ') {
            escaped.append(String.format("\\u%04x", (int) c));
          } else {
            escaped.append(c);
          }
        }
      }
    }
    return escaped.toString();
  }
}
