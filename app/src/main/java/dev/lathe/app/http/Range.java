package dev.lathe.app.http;

import com.fasterxml.jackson.databind.node.ObjectNode;

/// Numbers that a member may have.
///
/// @param low smallest
/// @param lowIncluded whether the smallest is one of them
/// @param high largest, included; infinite when there is none
public record Range(double low, boolean lowIncluded, double high) {
  static final Range ALL = new Range(Double.NEGATIVE_INFINITY, true, Double.POSITIVE_INFINITY);

  /// `[low, high]`.
  public static Range of(double low, double high) {
    return new Range(low, true, high);
  }

  /// `(low, high]`.
  public static Range above(double low, double high) {
    return new Range(low, false, high);
  }

  /// `[low, 2^31)`.
  public static Range from(int low) {
    return new Range(low, true, Integer.MAX_VALUE);
  }

  boolean contains(double value) {
    return (lowIncluded ? value >= low : value > low) && value <= high;
  }

  ObjectNode into(ObjectNode schema) {
    if (Double.isFinite(low)) {
      put(schema, lowIncluded ? "minimum" : "exclusiveMinimum", low);
    }
    if (Double.isFinite(high) && high != Integer.MAX_VALUE) {
      put(schema, "maximum", high);
    }
    return schema;
  }

  private static void put(ObjectNode schema, String name, double value) {
    if (value == Math.rint(value)) {
      schema.put(name, (long) value);
    } else {
      schema.put(name, value);
    }
  }

  @Override
  public String toString() {
    String end = high == Integer.MAX_VALUE ? "...)" : shown(high) + "]";
    return (lowIncluded ? "[" : "(") + shown(low) + ", " + end;
  }

  private static String shown(double value) {
    return value == Math.rint(value) ? Long.toString((long) value) : Double.toString(value);
  }
}
