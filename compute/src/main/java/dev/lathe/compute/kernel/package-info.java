/// Matrix products and element-wise passes over packed weights on the Vector API, each with a
/// scalar twin. Knows arrays and segments only.
@NullMarked
package dev.lathe.compute.kernel;

import org.jspecify.annotations.NullMarked;
