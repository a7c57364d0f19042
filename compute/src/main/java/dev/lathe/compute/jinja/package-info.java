/// The part of the Jinja template language that chat templates are written in, with one addition:
/// every character of the output knows where it came from.
///
/// Start with [Template] (parse, render), [Text] (characters with origins) and [Value] (what
/// templates compute with). What is not supported is refused with its name and line; nothing is
/// rendered approximately. Uses nothing but `dev.lathe.compute`.
@NullMarked
package dev.lathe.compute.jinja;

import org.jspecify.annotations.NullMarked;
