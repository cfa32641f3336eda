// Arithmetic of a transformer block on rows of floats. Loops are marked for the vectoriser, which may reorder sums.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

// Compiles a function for several generations of processors. The version is chosen when the addon is loaded, because
// several machines may share the cache of built engines.
#if defined(__x86_64__) && defined(__has_attribute)
#if __has_attribute(target_clones)
#define FOR_EACH_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))
#endif
#endif
#ifndef FOR_EACH_PROCESSOR
#define FOR_EACH_PROCESSOR
#endif
#define INLINE inline __attribute__((always_inline))

namespace hyperswap {
// Each source file has functions of its own: a function with several versions cannot be shared by the linker.
namespace {

// Returns e^x for x ≤ 0, as 2^n · e^r with |r| ≤ ½ ln 2 and e^r by its Taylor series (next term < 2^-27). Arguments
// below -87 give e^-87.
INLINE float Exponential(float x) {
  x = std::max(x, -87.0f);
  const float rounder = 12582912.0f;  // 1.5 · 2^23: adding it rounds to an integer
  const float n = (x * 1.44269504f + rounder) - rounder;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float series = 1.0f / 5040;
  series = series * r + 1.0f / 720;
  series = series * r + 1.0f / 120;
  series = series * r + 1.0f / 24;
  series = series * r + 1.0f / 6;
  series = series * r + 0.5f;
  series = series * r + 1.0f;
  series = series * r + 1.0f;
  const int32_t bits = (static_cast<int32_t>(n) + 127) << 23;
  float power;
  std::memcpy(&power, &bits, sizeof power);
  return series * power;
}

// Returns Φ(x), the cumulative normal distribution, by Abramowitz and Stegun 7.1.26 (error ≤ 7.5e-8, no cancellation
// below 0). `density` is e^(-x²/2).
INLINE float Cumulative(float x, float density) {
  const float t = 1.0f / (1.0f + 0.3275911f * 0.70710678f * std::fabs(x));
  float series = 1.061405429f;
  series = series * t - 1.453152027f;
  series = series * t + 1.421413741f;
  series = series * t - 0.284496736f;
  series = series * t + 0.254829592f;
  const float tail = 0.5f * series * t * density;
  return x < 0 ? tail : 1.0f - tail;
}

FOR_EACH_PROCESSOR
void Gelu(const float* x, float* y, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) y[i] = x[i] * Cumulative(x[i], Exponential(-0.5f * x[i] * x[i]));
}

// Writes dy · (Φ(x) + x φ(x)).
FOR_EACH_PROCESSOR
void GeluGradient(const float* x, const float* dy, float* dx, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    const float density = Exponential(-0.5f * x[i] * x[i]);
    dx[i] = dy[i] * (Cumulative(x[i], density) + 0.39894228f * x[i] * density);
  }
}

// Writes (x - mean) · factor to y and returns the factor, 1 / √(variance + epsilon).
FOR_EACH_PROCESSOR
float Standardise(const float* x, float epsilon, float* y, int64_t count) {
  float sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < count; ++i) sum += x[i];
  const float mean = sum / count;
#pragma omp simd reduction(+ : squares)
  for (int64_t i = 0; i < count; ++i) squares += (x[i] - mean) * (x[i] - mean);
  const float factor = 1.0f / std::sqrt(squares / count + epsilon);
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) y[i] = (x[i] - mean) * factor;
  return factor;
}

// Writes residual + factor · (dy - mean(dy) - y · mean(dy · y)), where y is x standardised.
FOR_EACH_PROCESSOR
void StandardiseGradient(const float* y, float factor, const float* dy, const float* residual, float* dx, int64_t count) {
  float sum = 0, projection = 0;
#pragma omp simd reduction(+ : sum, projection)
  for (int64_t i = 0; i < count; ++i) {
    sum += dy[i];
    projection += dy[i] * y[i];
  }
  const float mean = sum / count, slope = projection / count;
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) dx[i] = residual[i] + factor * (dy[i] - mean - y[i] * slope);
}

// Writes e^x / Σ e^x. The largest x is subtracted first, so that nothing overflows.
FOR_EACH_PROCESSOR
void Softmax(const float* x, float* y, int64_t count) {
  float largest = x[0], sum = 0;
#pragma omp simd reduction(max : largest)
  for (int64_t i = 0; i < count; ++i) largest = x[i] > largest ? x[i] : largest;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < count; ++i) {
    y[i] = Exponential(x[i] - largest);
    sum += y[i];
  }
  const float factor = 1.0f / sum;
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) y[i] *= factor;
}

// Writes a · (da - Σ da · a), where a is a row of a softmax.
FOR_EACH_PROCESSOR
void SoftmaxGradient(const float* a, const float* da, float* dx, int64_t count) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < count; ++i) sum += da[i] * a[i];
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) dx[i] = a[i] * (da[i] - sum);
}

FOR_EACH_PROCESSOR
void Add(const float* x, const float* y, float* sum, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) sum[i] = x[i] + y[i];
}

FOR_EACH_PROCESSOR
void Subtract(const float* x, const float* y, float* difference, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) difference[i] = x[i] - y[i];
}

FOR_EACH_PROCESSOR
void Widen(const uint16_t* from, float* to, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    const uint32_t bits = static_cast<uint32_t>(from[i]) << 16;
    std::memcpy(&to[i], &bits, sizeof bits);
  }
}

// Rounds floats to bfloat16, to nearest even.
FOR_EACH_PROCESSOR
void Round(const float* from, uint16_t* to, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    uint32_t bits;
    std::memcpy(&bits, &from[i], sizeof bits);
    const uint16_t rounded = static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    to[i] = (bits & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : rounded;
  }
}

}  // namespace
}  // namespace hyperswap
