package dev.lathe.compute.grammar;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/// Byte strings as a tree in which equal beginnings are one path, laid out depth first: a node's
/// descendants follow it, up to [#end]. Immutable.
final class TokenTree {
  private final byte[] value;
  private final int[] end;
  private final short[] depth;
  private final int[] firstToken;
  private final int[] token;
  private final int height;

  private TokenTree(
      byte[] value, int[] end, short[] depth, int[] firstToken, int[] token, int height) {
    this.value = value;
    this.end = end;
    this.depth = depth;
    this.firstToken = firstToken;
    this.token = token;
    this.height = height;
  }

  /// @param tokens by id; empty ones are left out
  static TokenTree of(List<byte[]> tokens) {
    int[] order =
        IntStream.range(0, tokens.size())
            .filter(id -> tokens.get(id).length > 0 && tokens.get(id).length < Short.MAX_VALUE)
            .boxed()
            .sorted(
                Comparator.comparing((Integer id) -> tokens.get(id), Arrays::compareUnsigned)
                    .thenComparing(Comparator.naturalOrder()))
            .mapToInt(Integer::intValue)
            .toArray();
    int nodes = 0;
    int height = 0;
    byte[] before = {};
    for (int id : order) {
      byte[] bytes = tokens.get(id);
      nodes += bytes.length - shared(before, bytes);
      height = Math.max(height, bytes.length);
      before = bytes;
    }
    byte[] value = new byte[nodes];
    int[] end = new int[nodes];
    short[] depth = new short[nodes];
    int[] firstToken = new int[nodes + 1];
    int[] path = new int[height + 1];
    int node = 0;
    before = new byte[0];
    for (int i = 0; i < order.length; i++) {
      byte[] bytes = tokens.get(order[i]);
      int shared = shared(before, bytes);
      for (int d = shared; d < before.length; d++) {
        end[path[d]] = node;
      }
      for (int d = shared; d < bytes.length; d++) {
        path[d] = node;
        value[node] = bytes[d];
        depth[node] = (short) d;
        firstToken[node++] = i;
      }
      before = bytes;
    }
    for (int d = 0; d < before.length; d++) {
      end[path[d]] = node;
    }
    firstToken[nodes] = order.length;
    return new TokenTree(value, end, depth, firstToken, order, height);
  }

  private static int shared(byte[] a, byte[] b) {
    int differs = Arrays.mismatch(a, b);
    return differs < 0 ? a.length : differs;
  }

  int nodes() {
    return value.length;
  }

  /// Bytes of the longest token.
  int height() {
    return height;
  }

  byte value(int node) {
    return value[node];
  }

  /// One more than the last descendant.
  int end(int node) {
    return end[node];
  }

  /// Bytes before this node's, from 0.
  int depth(int node) {
    return depth[node];
  }

  /// Adds the tokens that end at a node.
  void collect(int node, long[] bits) {
    for (int i = firstToken[node]; i < firstToken[node + 1]; i++) {
      bits[token[i] >> 6] |= 1L << token[i];
    }
  }
}
