package dev.lathe.compute.model;

import java.util.List;

/// What a checkpoint's decoder computes: the one record from which every decoder is built.
///
/// Letters as in the glossary: `E` width, `L` layers, `H` heads, `K` key/value heads, `D` head
/// width, `F` feed-forward width, `V` vocabulary.
///
/// @param family the architecture
/// @param width `E`, hidden size
/// @param layers `L`
/// @param heads `H`, query heads
/// @param kvHeads `K`, key/value heads; divides `heads`
/// @param headWidth `D`
/// @param feedForward `F`, width of the gated MLP
/// @param vocabulary `V`, rows of the embedding
/// @param maxPositions longest trained context in tokens
/// @param normEpsilon epsilon inside RMSNorm
/// @param rope rotary embedding
/// @param attentionBias whether q, k and v have a bias (Qwen2)
/// @param tiedEmbeddings whether the output head is the embedding
/// @param bosTokenId token that starts a text, or -1
/// @param eosTokenIds tokens that end a generation, the union of config and generation config
public record ModelConfig(
    Family family,
    int width,
    int layers,
    int heads,
    int kvHeads,
    int headWidth,
    int feedForward,
    int vocabulary,
    int maxPositions,
    float normEpsilon,
    Rope rope,
    boolean attentionBias,
    boolean tiedEmbeddings,
    int bosTokenId,
    List<Integer> eosTokenIds) {

  public ModelConfig {
    eosTokenIds = List.copyOf(eosTokenIds);
    if (kvHeads <= 0 || heads % kvHeads != 0) {
      throw new IllegalArgumentException(
          heads + " heads cannot share " + kvHeads + " key/value heads");
    }
  }

  /// Supported architectures: pre-norm decoder, RMSNorm, rotary positions, gated SiLU MLP.
  public enum Family {
    LLAMA,
    QWEN2
  }

  /// Rotary embedding, halves rotated against each other (Hugging Face layout): dimension `i` pairs
  /// with `i + D/2`.
  ///
  /// @param theta base of the frequencies
  /// @param inverseFrequencies `D/2` frequencies in radians per position, scaling applied
  /// @param attentionScale factor on cos and sin (YaRN); 1 otherwise
  public record Rope(double theta, List<Double> inverseFrequencies, double attentionScale) {
    public Rope {
      inverseFrequencies = List.copyOf(inverseFrequencies);
    }
  }

  /// Linear projections of one decoder layer, in the order they are applied.
  public enum Projection {
    Q("self_attn.q_proj"),
    K("self_attn.k_proj"),
    V("self_attn.v_proj"),
    O("self_attn.o_proj"),
    GATE("mlp.gate_proj"),
    UP("mlp.up_proj"),
    DOWN("mlp.down_proj");

    private final String path;

    Projection(String path) {
      this.path = path;
    }

    /// Path inside a layer: `self_attn.q_proj`.
    public String path() {
      return path;
    }

    /// Last part of the path, the name that adapters target: `q_proj`.
    public String target() {
      return path.substring(path.indexOf('.') + 1);
    }
  }

  /// Input features of a projection.
  public int in(Projection projection) {
    return switch (projection) {
      case Q, K, V, GATE, UP -> width;
      case O -> heads * headWidth;
      case DOWN -> feedForward;
    };
  }

  /// Output features of a projection.
  public int out(Projection projection) {
    return switch (projection) {
      case Q -> heads * headWidth;
      case K, V -> kvHeads * headWidth;
      case O, DOWN -> width;
      case GATE, UP -> feedForward;
    };
  }

  /// Whether the projection adds a bias.
  public boolean hasBias(Projection projection) {
    return switch (projection) {
      case Q, K, V -> attentionBias;
      case O, GATE, UP, DOWN -> false;
    };
  }
}
