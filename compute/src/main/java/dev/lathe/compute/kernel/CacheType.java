package dev.lathe.compute.kernel;

/// How a [KvCache] keeps keys and values.
public enum CacheType {
  F32,
  BF16,
  /// 8 bits in `[-127, 127]` and, for each 32 neighbours within a head, a scale in fp32 at which
  /// the largest of them is 127, so that it is kept exactly. Keys need that: some models have a few
  /// numbers in them that are fifty times as large as the others, and the error of a product with a
  /// query would be that of these few.
  INT8
}
