/// Tools that a model may call: how each model writes calls down, which outputs are valid calls,
/// and how calls are read out of an output as it comes.
///
/// Start with [Tool] (what is offered), [CallForm] (how this model writes) and [CallParser] (what
/// it wrote). How calls look is found out from the model's own chat template, so that what is asked
/// of a model is what it was trained to write.
@NullMarked
package dev.lathe.compute.tool;

import org.jspecify.annotations.NullMarked;
