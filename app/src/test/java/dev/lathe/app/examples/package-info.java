/// What `examples/` holds: the data sets are made here from their fact sheets, and checked.
@NullMarked
package dev.lathe.app.examples;

import org.jspecify.annotations.NullMarked;
