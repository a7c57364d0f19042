/// A conversation in the terminal: [ChatLoop] reads lines, answers them and knows the commands that
/// begin with a slash; [LineSource] is where the lines come from.
@NullMarked
package dev.lathe.app.chat;

import org.jspecify.annotations.NullMarked;
