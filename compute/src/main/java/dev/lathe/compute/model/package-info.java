/// The config record of a checkpoint and what follows from it: family, shapes, tensor names. One
/// record drives every decoder.
@NullMarked
package dev.lathe.compute.model;

import org.jspecify.annotations.NullMarked;
