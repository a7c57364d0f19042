/// Everything that touches the outside: flags, environment variables, the terminal. Start with
/// [dev.lathe.app.cli.Main]. What Lathe computes lies in the modules below; nothing here does.
@NullMarked
package dev.lathe.app;

import org.jspecify.annotations.NullMarked;
