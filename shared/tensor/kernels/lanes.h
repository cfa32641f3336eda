// Sixteen floats at once, and the functions of them that sequence kernels need.
#pragma once

#include <cstdint>
#include <cstring>

#include "row-arithmetic.h"

namespace hyperswap {
namespace {

// One vector register, or several smaller ones.
typedef float Lane __attribute__((vector_size(64)));
typedef int32_t IntLane __attribute__((vector_size(64)));
constexpr int64_t laneWidth = 16;

INLINE Lane LoadLane(const float* from) {
  Lane lane;
  std::memcpy(&lane, from, sizeof lane);
  return lane;
}

INLINE void StoreLane(const Lane& lane, float* to) { std::memcpy(to, &lane, sizeof lane); }

INLINE float SumOf(const Lane& lane) {
  float sums[laneWidth];
  StoreLane(lane, sums);
  for (int64_t half = laneWidth / 2; half > 0; half /= 2) {
    for (int64_t i = 0; i < half; ++i) sums[i] += sums[i + half];
  }
  return sums[0];
}

// Returns e^x for x ≤ 0, as `Exponential` does.
INLINE Lane ExponentialOf(Lane x) {
  const Lane lowest = Lane{} - 87.0f;
  x = x < lowest ? lowest : x;
  const float rounder = 12582912.0f;
  const Lane n = (x * 1.44269504f + rounder) - rounder;
  const Lane r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  Lane series = r * (1.0f / 5040) + 1.0f / 720;
  series = series * r + 1.0f / 120;
  series = series * r + 1.0f / 24;
  series = series * r + 1.0f / 6;
  series = series * r + 0.5f;
  series = series * r + 1.0f;
  series = series * r + 1.0f;
  const IntLane bits = (__builtin_convertvector(n, IntLane) + 127) << 23;
  Lane power;
  std::memcpy(&power, &bits, sizeof power);
  return series * power;
}

INLINE Lane SigmoidOf(Lane x) {
  const Lane zero = {};
  const Lane tail = ExponentialOf(x < zero ? x : -x);
  const Lane share = 1.0f / (1.0f + tail);
  return x < zero ? tail * share : share;
}

// Returns ln(1 + e^x) = max(x, 0) + ln(1 + u) with u = e^-|x|; ln(1 + u) = 2 artanh(u / (2 + u)), an odd series of at
// most 1/3 (next term < 2^-27 of the result).
INLINE Lane SoftplusOf(Lane x) {
  const Lane zero = {};
  const Lane u = ExponentialOf(x < zero ? x : -x);
  const Lane s = u / (2.0f + u);
  const Lane square = s * s;
  Lane series = square * (1.0f / 15) + 1.0f / 13;
  series = series * square + 1.0f / 11;
  series = series * square + 1.0f / 9;
  series = series * square + 1.0f / 7;
  series = series * square + 1.0f / 5;
  series = series * square + 1.0f / 3;
  series = series * square + 1.0f;
  return (x > zero ? x : zero) + 2.0f * s * series;
}

}  // namespace
}  // namespace hyperswap
