package dev.lathe.compute.grammar;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// A set of JSON values, as schemas describe them.
sealed interface Schema {
  Schema ANYTHING = new Anything();
  Schema NOTHING = new Nothing();
  Schema BOOLEANS =
      new Options(List.of(new Constant(BooleanNode.TRUE), new Constant(BooleanNode.FALSE)));

  record Anything() implements Schema {}

  record Nothing() implements Schema {}

  /// One value.
  record Constant(JsonNode value) implements Schema {}

  /// Numbers in a range.
  ///
  /// @param multiples what they must be multiples of
  record Numbers(
      boolean integer, @Nullable Bound low, @Nullable Bound high, Set<BigDecimal> multiples)
      implements Schema {
    public Numbers {
      multiples = Set.copyOf(multiples);
    }
  }

  /// The end of a range.
  record Bound(BigDecimal value, boolean exclusive) {}

  /// Strings of a number of characters.
  ///
  /// @param language what they must match as a whole, or null for any text
  record Strings(@Nullable Dfa language, int least, int most) implements Schema {}

  /// Arrays.
  record Items(List<Schema> prefix, Schema more, int least, int most) implements Schema {
    public Items {
      prefix = List.copyOf(prefix);
    }
  }

  /// Objects.
  ///
  /// @param named in the order in which they are written
  /// @param regions sets of further names that exclude each other, without the named ones
  /// @param more values of all other names; null where the schema does not say
  record Properties(
      Map<String, Schema> named,
      Set<String> required,
      List<Region> regions,
      @Nullable Schema more,
      int least,
      int most)
      implements Schema {
    public Properties {
      named = new LinkedHashMap<>(named);
      required = new LinkedHashSet<>(required);
      regions = List.copyOf(regions);
    }

    /// What a name's value must be, as far as this says.
    Schema of(String name) {
      Schema schema = named.get(name);
      for (Region region : regions) {
        if (schema == null && region.names().matches(name)) {
          schema = region.values();
        }
      }
      return schema != null ? schema : more != null ? more : ANYTHING;
    }

    /// Whether names that are not spoken of are left out: where the schema does not say, but names
    /// others.
    boolean closesItself() {
      return more == null && !(named.isEmpty() && regions.isEmpty());
    }
  }

  /// Names and what their values must be.
  record Region(Dfa names, Schema values) {}

  /// Values of any of these.
  record Options(List<Schema> options) implements Schema {
    private static final int MOST_COMPARED = 100;

    public Options {
      options = List.copyOf(options);
    }

    static Schema of(List<Schema> options) {
      List<Schema> possible = distinct(options);
      return switch (possible.size()) {
        case 0 -> NOTHING;
        case 1 -> possible.getFirst();
        default -> possible.contains(ANYTHING) ? ANYTHING : new Options(possible);
      };
    }

    /// Each possible option once; but among many, those that are no constants are not compared,
    /// because a stranger can give them equal hashes.
    private static List<Schema> distinct(List<Schema> options) {
      Set<Object> seen = new HashSet<>();
      List<Schema> kept = new ArrayList<>();
      for (Schema option : options) {
        boolean repeated =
            option instanceof Constant(JsonNode value)
                ? !seen.add(value.toString())
                : options.size() <= MOST_COMPARED && !seen.add(option);
        if (!repeated && !option.equals(NOTHING)) {
          kept.add(option);
        }
      }
      return kept;
    }
  }

  /// What the schema at a JSON pointer describes.
  record Reference(String pointer) implements Schema {}

  /// Values of both, not yet worked out because one of them is a reference.
  record Both(Schema left, Schema right) implements Schema {}
}
