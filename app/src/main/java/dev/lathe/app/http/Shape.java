package dev.lathe.app.http;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/// How a value is written as a JSON object: its members in order, each with name, meaning and where
/// it comes from. The OpenAPI document shows the same members.
public final class Shape<T> {
  private final String name;
  private final List<Member<T>> members;

  private record Member<T>(
      String name, ObjectNode schema, Presence presence, Writer<T> writer, Predicate<T> present) {}

  private enum Presence {
    ALWAYS,
    NULLABLE,
    OPTIONAL
  }

  /// Writes one value.
  @FunctionalInterface
  public interface Writer<T> {
    void write(JsonGenerator out, T value) throws IOException;
  }

  private Shape(String name, List<Member<T>> members) {
    this.name = name;
    this.members = List.copyOf(members);
  }

  /// @param name of the schema in the OpenAPI document
  public static <T> Builder<T> named(String name) {
    return new Builder<>(name);
  }

  String name() {
    return name;
  }

  /// Writes one object.
  public void write(JsonGenerator out, T value) throws IOException {
    out.writeStartObject();
    for (Member<T> member : members) {
      if (member.present.test(value)) {
        out.writeFieldName(member.name);
        member.writer.write(out, value);
      } else if (member.presence == Presence.NULLABLE) {
        out.writeNullField(member.name);
      }
    }
    out.writeEndObject();
  }

  ObjectNode schema() {
    ObjectNode schema = JsonNodeFactory.instance.objectNode().put("type", "object");
    ObjectNode properties = schema.putObject("properties");
    ArrayNode required = schema.putArray("required");
    for (Member<T> member : members) {
      properties.set(member.name, member.schema.deepCopy());
      if (member.presence != Presence.OPTIONAL) {
        required.add(member.name);
      }
    }
    return schema.put("additionalProperties", false);
  }

  /// Gathers members; [#orNull] and [#orLeftOut] are about the one before.
  public static final class Builder<T> {
    private final String name;
    private final List<Member<T>> members = new ArrayList<>();

    private Builder(String name) {
      this.name = name;
    }

    private Builder<T> add(
        String member, ObjectNode schema, String meaning, Predicate<T> present, Writer<T> writer) {
      members.add(
          new Member<>(
              member, schema.put("description", meaning), Presence.ALWAYS, writer, present));
      return this;
    }

    private <V> Builder<T> value(
        String member,
        ObjectNode schema,
        String meaning,
        Function<T, @Nullable V> from,
        Writer<V> writer) {
      return add(
          member,
          schema,
          meaning,
          value -> from.apply(value) != null,
          (out, value) -> {
            V found = from.apply(value);
            if (found != null) {
              writer.write(out, found);
            }
          });
    }

    public Builder<T> text(String member, String meaning, Function<T, @Nullable String> from) {
      return value(member, Schemas.text(), meaning, from, JsonGenerator::writeString);
    }

    /// A text that is always the same.
    public Builder<T> constant(String member, String constant) {
      ObjectNode schema = Schemas.text();
      schema.putArray("enum").add(constant);
      return add(
          member,
          schema,
          "always `" + constant + "`",
          _ -> true,
          (out, _) -> out.writeString(constant));
    }

    public Builder<T> whole(String member, String meaning, ToLongFunction<T> from) {
      return add(
          member,
          Schemas.whole(),
          meaning,
          _ -> true,
          (out, value) -> out.writeNumber(from.applyAsLong(value)));
    }

    public Builder<T> maybeWhole(String member, String meaning, Function<T, @Nullable Long> from) {
      return value(member, Schemas.whole(), meaning, from, (out, found) -> out.writeNumber(found));
    }

    public Builder<T> number(String member, String meaning, ToDoubleFunction<T> from) {
      return add(
          member,
          Schemas.number(),
          meaning,
          _ -> true,
          (out, value) -> out.writeNumber(from.applyAsDouble(value)));
    }

    public Builder<T> flag(String member, String meaning, Predicate<T> from) {
      return add(
          member,
          Schemas.flag(),
          meaning,
          _ -> true,
          (out, value) -> out.writeBoolean(from.test(value)));
    }

    public <V> Builder<T> object(
        String member, String meaning, Function<T, @Nullable V> from, Shape<V> shape) {
      return value(member, shape.schema(), meaning, from, (out, found) -> shape.write(out, found));
    }

    public <V> Builder<T> objects(
        String member, String meaning, Function<T, @Nullable List<V>> from, Shape<V> shape) {
      return list(member, shape.schema(), meaning, from, (out, each) -> shape.write(out, each));
    }

    public Builder<T> texts(
        String member, String meaning, Function<T, @Nullable List<String>> from) {
      return list(member, Schemas.text(), meaning, from, JsonGenerator::writeString);
    }

    /// Whole numbers, owned by the value.
    public Builder<T> wholes(String member, String meaning, Function<T, int @Nullable []> from) {
      return this.<int[]>value(
          member,
          Schemas.list(Schemas.whole()),
          meaning,
          from,
          (out, found) -> out.writeArray(found, 0, found.length));
    }

    /// Whole numbers by texts.
    public Builder<T> map(
        String member, String meaning, Function<T, @Nullable Map<String, Long>> from) {
      ObjectNode schema = JsonNodeFactory.instance.objectNode().put("type", "object");
      schema.set("additionalProperties", Schemas.whole());
      return value(
          member,
          schema,
          meaning,
          from,
          (out, found) -> {
            out.writeStartObject();
            for (Map.Entry<String, Long> each : found.entrySet()) {
              out.writeNumberField(each.getKey(), each.getValue());
            }
            out.writeEndObject();
          });
    }

    /// Any JSON, as it stands.
    public Builder<T> json(
        String member, ObjectNode schema, String meaning, Function<T, @Nullable JsonNode> from) {
      return value(member, schema, meaning, from, JsonGenerator::writeTree);
    }

    /// A value of a form of its own.
    public Builder<T> own(String member, ObjectNode schema, String meaning, Writer<T> writer) {
      return add(member, schema, meaning, _ -> true, writer);
    }

    /// A list of values of a form of their own.
    public <V> Builder<T> list(
        String member,
        ObjectNode items,
        String meaning,
        Function<T, @Nullable List<V>> from,
        Writer<V> writer) {
      return value(
          member,
          Schemas.list(items),
          meaning,
          from,
          (out, found) -> {
            out.writeStartArray();
            for (V each : found) {
              writer.write(out, each);
            }
            out.writeEndArray();
          });
    }

    /// Where the value is null, `null` is written.
    public Builder<T> orNull() {
      return lastIs(Presence.NULLABLE);
    }

    /// Where the value is null, the member is left out.
    public Builder<T> orLeftOut() {
      return lastIs(Presence.OPTIONAL);
    }

    private Builder<T> lastIs(Presence presence) {
      Member<T> last = members.removeLast();
      ObjectNode schema = presence == Presence.NULLABLE ? Schemas.orNull(last.schema) : last.schema;
      members.add(new Member<>(last.name, schema, presence, last.writer, last.present));
      return this;
    }

    public Shape<T> build() {
      return new Shape<>(name, members);
    }
  }
}
