/// The one way in which Lathe generates tokens: submit a request, read a stream. Never sees text.
@NullMarked
package dev.lathe.compute.engine;

import org.jspecify.annotations.NullMarked;
