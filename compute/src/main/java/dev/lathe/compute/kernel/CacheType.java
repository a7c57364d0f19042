package dev.lathe.compute.kernel;

/// How a [KvCache] keeps keys and values.
public enum CacheType {
  F32,
  BF16,
  /// 8 bits in `[-127, 127]` and, for each 32 neighbours within a head, a scale in fp32 at which
  /// the largest of them is 127.
  INT8
}
