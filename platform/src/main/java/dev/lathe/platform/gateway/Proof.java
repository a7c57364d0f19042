package dev.lathe.platform.gateway;

/// What a trainer answers to a prompt, for comparison with the engine.
///
/// @param tokens of the prompt, at least one
/// @param logits `[V]` after the last of them
/// @param tolerance most that a logit of the engine may be apart: rounding of the two decoders
public record Proof(int[] tokens, float[] logits, double tolerance) {}
