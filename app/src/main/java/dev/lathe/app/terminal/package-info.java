/// What a person sees: [Screen] knows whether output goes to a terminal, how wide it is and whether
/// it has colours; [Progress] draws bars; [Width] counts columns of any script.
@NullMarked
package dev.lathe.app.terminal;

import org.jspecify.annotations.NullMarked;
