package dev.lathe.compute.grammar;

import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/// The formats of strings that are regular, each as an expression that a whole string matches.
/// Narrower than their standards where those allow what validators disagree about.
final class StringFormats {
  private static final String YEAR = "[0-9]{4}";
  private static final String LEAP_YEAR =
      "(([0-9]{2}(0[48]|[2468][048]|[13579][26]))|([02468][048]|[13579][26])00)";
  private static final String DATE =
      "("
          + YEAR
          + "-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
          + "|02-(0[1-9]|1[0-9]|2[0-8]))|"
          + LEAP_YEAR
          + "-02-29)";
  private static final String TIME =
      "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?"
          + "(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9])";
  private static final String LABEL = "[a-zA-Z0-9]([a-zA-Z0-9-]{0,59}[a-zA-Z0-9])?";
  private static final String BYTE = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
  private static final String IPV4 = BYTE + "(\\." + BYTE + "){3}";
  private static final String ATOM = "[a-zA-Z0-9_+-]{1,30}";
  private static final String PATH = "([a-zA-Z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})";

  private static final Map<String, String> PATTERNS =
      new TreeMap<>(
          Map.of(
              "date",
              DATE,
              "time",
              TIME,
              "date-time",
              DATE + "T" + TIME,
              "duration",
              duration(),
              "email",
              ATOM + "(\\." + ATOM + ")?@" + LABEL + "(\\." + LABEL + "){0,2}\\.[a-zA-Z]{2,20}",
              "hostname",
              LABEL + "(\\." + LABEL + "){0,3}",
              "ipv4",
              IPV4,
              "ipv6",
              ipv6(),
              "uri",
              uri(),
              "uuid",
              "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"));

  private StringFormats() {}

  static Set<String> names() {
    return PATTERNS.keySet();
  }

  static Optional<Dfa> of(String format, Work work) {
    return Optional.ofNullable(PATTERNS.get(format))
        .map(pattern -> RegexParser.whole(pattern, work));
  }

  private static String duration() {
    String n = "[0-9]{1,9}";
    String time = "T(" + n + "H(" + n + "M(" + n + "S)?)?|" + n + "M(" + n + "S)?|" + n + "S)";
    String date = "(" + n + "Y(" + n + "M(" + n + "D)?)?|" + n + "M(" + n + "D)?|" + n + "D)";
    return "P(" + n + "W|" + date + "(" + time + ")?|" + time + ")";
  }

  private static String ipv6() {
    String h = "[0-9a-fA-F]{1,4}";
    StringBuilder pattern = new StringBuilder("(" + h + ":){7}" + h);
    for (int before = 0; before <= 6; before++) {
      int after = 6 - before;
      String head = before == 0 ? ":" : "(" + h + ":){" + before + "}";
      String tail = after == 0 ? h : "(" + h + "(:" + h + "){0," + (after - 1) + "})";
      pattern.append("|").append(head).append(":").append(tail).append("?");
    }
    return pattern.toString();
  }

  private static String uri() {
    String host = LABEL + "(\\." + LABEL + "){0,3}";
    String rest = "(\\?(" + PATH + "|[/?])*)?(#(" + PATH + "|[/?])*)?";
    String hierarchy = "//" + host + "(:[0-9]{1,5})?(/" + PATH + "*)*";
    return "[a-zA-Z][a-zA-Z0-9+.-]{0,30}:(" + hierarchy + "|" + PATH + "+(/" + PATH + "*)*)" + rest;
  }
}
