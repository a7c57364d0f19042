package dev.lathe.compute.engine;

/// Tokens that may be chosen and their weights: scratch space of the samplers of one engine, reused
/// from token to token. Equal weights keep the order of their ids.
final class Candidates {
  private final int vocabulary;
  private final int[] ids;
  private final double[] weights;
  private int size;
  private boolean sorted;

  private float[] kept = new float[0];

  Candidates(int vocabulary) {
    this.vocabulary = vocabulary;
    ids = new int[vocabulary];
    weights = new double[vocabulary];
  }

  int vocabulary() {
    return vocabulary;
  }

  /// A copy of the logits from `at` on, valid until the next.
  float[] keep(float[] logits, int at) {
    if (kept.length == 0) {
      kept = new float[vocabulary];
    }
    System.arraycopy(logits, at, kept, 0, vocabulary);
    return kept;
  }

  void clear() {
    size = 0;
    sorted = false;
  }

  /// Adds a token; ids in ascending order.
  void add(int id, double weight) {
    ids[size] = id;
    weights[size++] = weight;
  }

  int size() {
    return size;
  }

  double mass() {
    double sum = 0;
    for (int i = 0; i < size; i++) {
      sum += weights[i];
    }
    return sum;
  }

  void keepLargest(int count) {
    if (size > count) {
      sort();
      size = count;
    }
  }

  /// Keeps the fewest whose weights reach `mass`, the likeliest first, at least one.
  void keepMass(double mass) {
    sort();
    double sum = 0;
    for (int i = 0; i < size; i++) {
      sum += weights[i];
      if (sum >= mass) {
        size = i + 1;
        return;
      }
    }
  }

  /// Keeps those of at least `least`; the largest weight is 1.
  void keepAbove(double least) {
    int kept = 0;
    for (int i = 0; i < size; i++) {
      if (weights[i] >= least) {
        ids[kept] = ids[i];
        weights[kept++] = weights[i];
      }
    }
    size = kept;
  }

  /// The token at that share of the mass.
  ///
  /// @param share `[0, 1)`
  int pick(double share) {
    double left = share * mass();
    for (int i = 0; i < size - 1; i++) {
      left -= weights[i];
      if (left < 0) {
        return ids[i];
      }
    }
    return ids[size - 1];
  }

  /// Heap sort, largest weight first, then smallest id.
  private void sort() {
    if (sorted) {
      return;
    }
    for (int i = size / 2 - 1; i >= 0; i--) {
      sink(i, size);
    }
    for (int end = size - 1; end > 0; end--) {
      swap(0, end);
      sink(0, end);
    }
    sorted = true;
  }

  private void sink(int from, int end) {
    int parent = from;
    while (2 * parent + 1 < end) {
      int child = 2 * parent + 1;
      if (child + 1 < end && after(child + 1, child)) {
        child++;
      }
      if (!after(child, parent)) {
        return;
      }
      swap(child, parent);
      parent = child;
    }
  }

  private boolean after(int a, int b) {
    return weights[a] < weights[b] || (weights[a] == weights[b] && ids[a] > ids[b]);
  }

  private void swap(int a, int b) {
    int id = ids[a];
    ids[a] = ids[b];
    ids[b] = id;
    double weight = weights[a];
    weights[a] = weights[b];
    weights[b] = weight;
  }
}
