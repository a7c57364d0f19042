package dev.lathe.platform.dataset;

/// What happens to rows that cannot be used; either way all of them are named.
public enum OnBadRow {
  /// Leave them out.
  SKIP,
  /// Refuse the data set.
  FAIL
}
