package dev.lathe.compute.adapter;

import dev.lathe.compute.model.ModelConfig.Projection;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/// The factors of one adapter in memory, immutable; what the trainer hands out, the engine applies
/// and [AdapterFiles] reads and writes.
///
/// @param name for messages and lists
/// @param factors one entry per adapted module, in order of layer and projection; ranks may differ
public record Adapter(String name, List<Factor> factors) {
  public Adapter {
    factors = List.copyOf(factors);
  }

  /// Identity of the factors, whatever the name: 64 hexadecimal digits. What counts is their order,
  /// layers, projections, ranks, scalings and every bit of A and B.
  public String sha256() {
    MessageDigest digest = digest();
    ByteBuffer buffer = ByteBuffer.allocate(1 << 16).order(ByteOrder.LITTLE_ENDIAN);
    for (Factor factor : factors) {
      buffer.clear();
      buffer.putInt(factor.layer()).putInt(factor.rank()).putFloat(factor.scaling());
      buffer.putInt(factor.a().length).putInt(factor.b().length);
      buffer.put(factor.projection().target().getBytes(StandardCharsets.UTF_8));
      digest.update(buffer.flip());
      update(digest, buffer, factor.a());
      update(digest, buffer, factor.b());
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static void update(MessageDigest digest, ByteBuffer buffer, float[] values) {
    int room = buffer.capacity() / Float.BYTES;
    for (int at = 0; at < values.length; at += room) {
      int count = Math.min(room, values.length - at);
      buffer.clear().asFloatBuffer().put(values, at, count);
      digest.update(buffer.limit(count * Float.BYTES));
    }
  }

  private static MessageDigest digest() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  /// The two factors of one module.
  ///
  /// @param layer `[0, L)`
  /// @param rank `R`
  /// @param scaling factor on `B A x`
  /// @param a `[R, in]` row-major fp32; owned by this record, not to be changed
  /// @param b `[out, R]` row-major fp32; owned by this record, not to be changed
  public record Factor(
      int layer, Projection projection, int rank, float scaling, float[] a, float[] b) {
    public Factor {
      if (rank < 1 || a.length % rank != 0 || b.length % rank != 0) {
        throw new IllegalArgumentException(
            "factors of " + projection + " in layer " + layer + " do not have rank " + rank);
      }
    }
  }
}
