package dev.lathe.compute.model;

import dev.lathe.compute.model.ModelConfig.Projection;

/// Hugging Face tensor names of the supported families.
public final class WeightNames {
  public static final String EMBEDDING = "model.embed_tokens.weight";
  public static final String FINAL_NORM = "model.norm.weight";
  public static final String HEAD = "lm_head.weight";

  private WeightNames() {}

  /// `model.layers.3.self_attn.q_proj`
  public static String module(int layer, Projection projection) {
    return "model.layers." + layer + "." + projection.path();
  }

  public static String weight(int layer, Projection projection) {
    return module(layer, projection) + ".weight";
  }

  public static String bias(int layer, Projection projection) {
    return module(layer, projection) + ".bias";
  }

  /// Norm before attention.
  public static String attentionNorm(int layer) {
    return "model.layers." + layer + ".input_layernorm.weight";
  }

  /// Norm before the MLP.
  public static String mlpNorm(int layer) {
    return "model.layers." + layer + ".post_attention_layernorm.weight";
  }
}
