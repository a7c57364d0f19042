package dev.lathe.compute.jinja;

import dev.lathe.compute.LatheException;

/// How a template's faults are said.
final class TemplateError {
  private TemplateError() {}

  static LatheException at(int line, String what) {
    return LatheException.user("chat template, line " + line + ": " + what, "");
  }

  static LatheException unsupported(int line, String construct) {
    return LatheException.user(
        "chat template, line " + line + ": " + construct + " is not supported",
        "use a template without it; Lathe renders nothing approximately");
  }
}
