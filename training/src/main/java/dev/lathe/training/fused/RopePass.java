package dev.lathe.training.fused;

import dev.lathe.compute.model.ModelConfig;
import jdk.incubator.vector.FloatVector;

/// Rotary embedding (Su et al. 2021, arXiv 2104.09864, halves layout) between the token-major
/// output of the q, k, v product and the head-major rows that attention multiplies, with the
/// biases, both ways.
final class RopePass implements AutoCloseable {
  private final ModelConfig config;
  private final int half;
  private Matrix cosines = Matrix.fp32(0, 1);
  private Matrix sines = Matrix.fp32(0, 1);
  private int positions;

  RopePass(ModelConfig config) {
    this.config = config;
    this.half = config.headWidth() / 2;
  }

  /// Makes the tables long enough.
  void reserve(int longest) {
    if (longest <= positions) {
      return;
    }
    cosines.close();
    sines.close();
    cosines = Matrix.fp32(longest, half);
    sines = Matrix.fp32(longest, half);
    positions = longest;
    double scale = config.rope().attentionScale();
    for (int position = 0; position < longest; position++) {
      for (int i = 0; i < half; i++) {
        double angle = position * config.rope().inverseFrequencies().get(i);
        Lanes.setFp32(cosines.at(position, i), (float) (Math.cos(angle) * scale));
        Lanes.setFp32(sines.at(position, i), (float) (Math.sin(angle) * scale));
      }
    }
  }

  /// @param qkv `[T, (H + 2 K) D]` bf16
  /// @param bias address of `[(H + 2 K) D]` fp32, or 0 for none
  void forward(Matrix qkv, long bias, Sequences rows, Heads heads, int from, int to) {
    int width = config.headWidth();
    for (int token = from; token < to; token++) {
      int row = rows.rowOf(token);
      int position = token - rows.start(row);
      for (int head = 0; head < config.heads(); head++) {
        int column = head * width;
        rotate(
            qkv.at(token, column),
            bias == 0 ? 0 : bias + 4L * column,
            heads.q(rows, row, head, position),
            position);
      }
      for (int head = 0; head < config.kvHeads(); head++) {
        int k = (config.heads() + head) * width;
        int v = (config.heads() + config.kvHeads() + head) * width;
        rotate(
            qkv.at(token, k),
            bias == 0 ? 0 : bias + 4L * k,
            heads.k(rows, row, head, position),
            position);
        copy(qkv.at(token, v), bias == 0 ? 0 : bias + 4L * v, heads.v(rows, row, head, position));
      }
      if (position == rows.length(row) - 1) {
        heads.zeroPadding(rows, row);
      }
    }
  }

  /// @param gradients of q, k, v, head-major
  /// @param dqkv receives `[T, (H + 2 K) D]` bf16
  void backward(Heads gradients, Sequences rows, Matrix dqkv, int from, int to) {
    int width = config.headWidth();
    for (int token = from; token < to; token++) {
      int row = rows.rowOf(token);
      int position = token - rows.start(row);
      for (int head = 0; head < config.heads(); head++) {
        unrotate(gradients.q(rows, row, head, position), dqkv.at(token, head * width), position);
      }
      for (int head = 0; head < config.kvHeads(); head++) {
        int k = (config.heads() + head) * width;
        int v = (config.heads() + config.kvHeads() + head) * width;
        unrotate(gradients.k(rows, row, head, position), dqkv.at(token, k), position);
        copy(gradients.v(rows, row, head, position), 0, dqkv.at(token, v));
      }
    }
  }

  private void rotate(long from, long bias, long to, int position) {
    for (int i = 0; i < half; i += Lanes.COUNT) {
      FloatVector first = Lanes.bf16(from + 2L * i);
      FloatVector second = Lanes.bf16(from + 2L * (half + i));
      if (bias != 0) {
        first = first.add(Lanes.fp32(bias + 4L * i));
        second = second.add(Lanes.fp32(bias + 4L * (half + i)));
      }
      FloatVector cos = Lanes.fp32(cosines.at(position, i));
      FloatVector sin = Lanes.fp32(sines.at(position, i));
      Lanes.bf16(to + 2L * i, first.mul(cos).sub(second.mul(sin)));
      Lanes.bf16(to + 2L * (half + i), second.mul(cos).add(first.mul(sin)));
    }
  }

  private void unrotate(long from, long to, int position) {
    for (int i = 0; i < half; i += Lanes.COUNT) {
      FloatVector first = Lanes.bf16(from + 2L * i);
      FloatVector second = Lanes.bf16(from + 2L * (half + i));
      FloatVector cos = Lanes.fp32(cosines.at(position, i));
      FloatVector sin = Lanes.fp32(sines.at(position, i));
      Lanes.bf16(to + 2L * i, first.mul(cos).add(second.mul(sin)));
      Lanes.bf16(to + 2L * (half + i), second.mul(cos).sub(first.mul(sin)));
    }
  }

  private void copy(long from, long bias, long to) {
    for (int i = 0; i < 2 * half; i += Lanes.COUNT) {
      FloatVector value = Lanes.bf16(from + 2L * i);
      Lanes.bf16(to + 2L * i, bias == 0 ? value : value.add(Lanes.fp32(bias + 4L * i)));
    }
  }

  @Override
  public void close() {
    cosines.close();
    sines.close();
  }
}
