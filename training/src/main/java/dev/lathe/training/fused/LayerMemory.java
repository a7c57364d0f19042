package dev.lathe.training.fused;

import dev.lathe.compute.model.ModelConfig;

/// What one layer keeps of a batch from the forward to the backward pass.
///
/// @param input residual sum before attention, `[T, E]` bf16
/// @param heads rotated queries, keys and values
/// @param attended output of attention with the tail of the output projection, `[T, H D + tail]`
/// @param middle residual sum before the MLP, `[T, E]`
/// @param gateUp `[T, 2 F]`; the backward pass turns it into its own gradient
/// @param qkvTail scaled `A x` of q, k, v
/// @param outTail the same of the output projection
/// @param gateUpTail the same of gate and up
/// @param downTail the same of the down projection
record LayerMemory(
    Matrix input,
    Heads heads,
    Matrix attended,
    Matrix middle,
    Matrix gateUp,
    Matrix qkvTail,
    Matrix outTail,
    Matrix gateUpTail,
    Matrix downTail)
    implements AutoCloseable {

  LayerMemory(ModelConfig config, FusedLayer layer, int tokens, int paddedTokens) {
    this(
        Matrix.bf16(tokens, config.width()),
        new Heads(config, paddedTokens),
        Matrix.bf16(tokens, layer.out().inputColumns()),
        Matrix.bf16(tokens, config.width()),
        Matrix.bf16(tokens, layer.gateUp().out()),
        Matrix.bf16(tokens, layer.qkv().tail()),
        Matrix.bf16(tokens, layer.out().tail()),
        Matrix.bf16(tokens, layer.gateUp().tail()),
        Matrix.bf16(tokens, layer.down().tail()));
  }

  @Override
  public void close() {
    input.close();
    heads.close();
    attended.close();
    middle.close();
    gateUp.close();
    qkvTail.close();
    outTail.close();
    gateUpTail.close();
    downTail.close();
  }
}
