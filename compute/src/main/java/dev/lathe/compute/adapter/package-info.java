/// The LoRA family: spec, factors in memory, PEFT directories, merge.
@NullMarked
package dev.lathe.compute.adapter;

import org.jspecify.annotations.NullMarked;
