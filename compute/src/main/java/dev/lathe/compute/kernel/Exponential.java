package dev.lathe.compute.kernel;

/// Constants of the exponential, Cephes `expf` (Moshier): `e^x = 2^n e^r` with `n` the nearest
/// whole number to `x / ln 2`, found by adding a number so large that the fraction is rounded away.
final class Exponential {
  static final float LEAST = -87f;
  static final float MOST = 88f;
  static final float LOG2E = 1.442695f;
  static final float ROUND = 12582912f;
  static final float LN2_HIGH = 0.6933594f;
  static final float LN2_LOW = -0.00021219444f;
  static final float P0 = 0.00019875691f;
  static final float P1 = 0.0013981999f;
  static final float P2 = 0.008333452f;
  static final float P3 = 0.041665796f;
  static final float P4 = 0.16666666f;
  static final float P5 = 0.5f;

  private Exponential() {}
}
