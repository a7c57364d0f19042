package dev.lathe.compute.kernel;

import java.lang.foreign.MemorySegment;

/// Tells the compiler that a segment lies outside the heap.
final class OffHeap {
  private OffHeap() {}

  /// The same memory with the same life, as an object whose class the compiler sees made. It knows
  /// the class of other segments only by what it has seen pass through the library's loads and
  /// stores, where the Vector API itself passes arrays while it is interpreted, and then each
  /// access becomes several times as long.
  static MemorySegment of(MemorySegment segment) {
    return segment.reinterpret(segment.byteSize());
  }
}
