package dev.lathe.compute.grammar;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/// Byte strings as a tree in which equal beginnings are one path, laid out depth first: a node's
/// descendants follow it, up to [#end]. Immutable.
final class TokenTree {
  private static final int KEY_SHIFT = 24;

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

  /// @param tokens by id, fewer than 2^24; empty ones are left out
  static TokenTree of(List<byte[]> tokens) {
    int[] order = sorted(tokens);
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

  /// Ids in the order of their bytes, then by id.
  /* Primitive keys of the first five bytes and the id; only ids that agree in those are compared. */
  private static int[] sorted(List<byte[]> tokens) {
    long[] keys = new long[tokens.size()];
    int count = 0;
    for (int id = 0; id < tokens.size(); id++) {
      byte[] bytes = tokens.get(id);
      if (bytes.length > 0 && bytes.length < Short.MAX_VALUE) {
        keys[count++] = key(bytes) << KEY_SHIFT | id;
      }
    }
    Arrays.sort(keys, 0, count);
    int[] order = new int[count];
    int begin = 0;
    for (int i = 0; i < count; i++) {
      order[i] = (int) keys[i] & (1 << KEY_SHIFT) - 1;
      if (i + 1 == count || keys[i] >>> KEY_SHIFT != keys[i + 1] >>> KEY_SHIFT) {
        sort(order, begin, i + 1, tokens);
        begin = i + 1;
      }
    }
    return order;
  }

  private static long key(byte[] bytes) {
    long key = 0;
    for (int i = 0; i < 5; i++) {
      key = key << 8 | (i < bytes.length ? bytes[i] & 0xff : 0);
    }
    return key;
  }

  private static void sort(int[] order, int begin, int end, List<byte[]> tokens) {
    if (end - begin == 1) {
      return;
    }
    Integer[] ids = new Integer[end - begin];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = order[begin + i];
    }
    Arrays.sort(
        ids,
        Comparator.comparing((Integer id) -> tokens.get(id), Arrays::compareUnsigned)
            .thenComparing(Comparator.naturalOrder()));
    for (int i = 0; i < ids.length; i++) {
      order[begin + i] = ids[i];
    }
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
