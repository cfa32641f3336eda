// Matrix products of bfloat16 with float sums, in the layout of `packed-panels.h`. A result depends on its own row
// only, not on the other rows of a batch.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "packed-panels.h"
#include "row-arithmetic.h"

// GCC 10 and Clang 9 know the instructions.
#if defined(__x86_64__) && (defined(__clang__) || __GNUC__ >= 10)
#include <immintrin.h>
#define HYPERSWAP_BF16 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")))
#endif

namespace hyperswap {
namespace {

// Adds the products of a tile to the bias: rows of a, `stride` values apart, and a panel [pairs, 64, 2]. Writes
// [rows, 64] with rows `toStride` floats apart.
using Bf16Sums = void (*)(const uint16_t* a, int64_t stride, int64_t pairs, int64_t rows, const uint16_t* panel,
                          const float* bias, float* to, int64_t toStride);

// A weight [in, out] in the order in which a product reads it: panels of 64 outputs, pairs of inputs, outputs, inputs.
// Inputs and outputs that fill up a pair or a panel are 0.
struct Bf16Weight {
  const uint16_t* values;
  int64_t pairs;
  int64_t panels;
  // [panels · 64]
  const float* bias;
  Bf16Sums sumsOf;
};

// Rounds and packs the outputs of one panel. `weight` is [in, out].
inline void PackBf16Panel(const float* weight, int64_t in, int64_t out, int64_t panel, uint16_t* values) {
  const int64_t first = panel * panelColumns, columns = std::min(panelColumns, out - first);
  std::fill(values, values + RoundUp(in, 2) * panelColumns, uint16_t{0});
  uint16_t rounded[panelColumns];
  for (int64_t k = 0; k < in; ++k) {
    Round(weight + k * out + first, rounded, columns);
    uint16_t* to = values + (k / 2) * panelColumns * 2 + k % 2;
    for (int64_t c = 0; c < columns; ++c) to[2 * c] = rounded[c];
  }
}

INLINE float Widened(uint16_t value) {
  const uint32_t bits = static_cast<uint32_t>(value) << 16;
  float wide;
  std::memcpy(&wide, &bits, sizeof wide);
  return wide;
}

// Adds up the products of a tile on any processor.
FOR_EACH_PROCESSOR
void PortableBf16Sums(const uint16_t* a, int64_t stride, int64_t pairs, int64_t rows, const uint16_t* panel,
                      const float* bias, float* to, int64_t toStride) {
  for (int64_t r = 0; r < rows; ++r) {
    float* sums = to + r * toStride;
    std::copy_n(bias, panelColumns, sums);
    for (int64_t p = 0; p < pairs; ++p) {
      const float even = Widened(a[r * stride + 2 * p]), odd = Widened(a[r * stride + 2 * p + 1]);
      const uint16_t* w = panel + p * panelColumns * 2;
#pragma omp simd
      for (int64_t c = 0; c < panelColumns; ++c) {
        sums[c] = (sums[c] + odd * Widened(w[2 * c + 1])) + even * Widened(w[2 * c]);
      }
    }
  }
}

#ifdef HYPERSWAP_BF16
// Does the same with the instruction vdpbf16ps, which adds two products to a float sum. All sums stay in registers until
// the end.
template <int Rows>
HYPERSWAP_BF16 INLINE void DotSums(const uint16_t* a, int64_t stride, int64_t pairs, const uint16_t* panel,
                                   const float* bias, float* to, int64_t toStride) {
  __m512 sums[Rows][4];
#pragma GCC unroll 6
  for (int r = 0; r < Rows; ++r) {
    sums[r][0] = _mm512_loadu_ps(bias);
    sums[r][1] = _mm512_loadu_ps(bias + 16);
    sums[r][2] = _mm512_loadu_ps(bias + 32);
    sums[r][3] = _mm512_loadu_ps(bias + 48);
  }
  for (int64_t p = 0; p < pairs; ++p) {
    const uint16_t* w = panel + p * panelColumns * 2;
    const __m512bh w0 = (__m512bh)_mm512_loadu_si512(w), w1 = (__m512bh)_mm512_loadu_si512(w + 32);
    const __m512bh w2 = (__m512bh)_mm512_loadu_si512(w + 64), w3 = (__m512bh)_mm512_loadu_si512(w + 96);
#pragma GCC unroll 6
    for (int r = 0; r < Rows; ++r) {
      int32_t two;
      std::memcpy(&two, a + r * stride + 2 * p, sizeof two);
      const __m512bh u = (__m512bh)_mm512_set1_epi32(two);
      sums[r][0] = _mm512_dpbf16_ps(sums[r][0], u, w0);
      sums[r][1] = _mm512_dpbf16_ps(sums[r][1], u, w1);
      sums[r][2] = _mm512_dpbf16_ps(sums[r][2], u, w2);
      sums[r][3] = _mm512_dpbf16_ps(sums[r][3], u, w3);
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < Rows; ++r) {
    float* row = to + r * toStride;
    _mm512_storeu_ps(row, sums[r][0]);
    _mm512_storeu_ps(row + 16, sums[r][1]);
    _mm512_storeu_ps(row + 32, sums[r][2]);
    _mm512_storeu_ps(row + 48, sums[r][3]);
  }
}

HYPERSWAP_BF16
void DotSumsOfRows(const uint16_t* a, int64_t stride, int64_t pairs, int64_t rows, const uint16_t* panel,
                   const float* bias, float* to, int64_t toStride) {
  switch (rows) {
    case 1: return DotSums<1>(a, stride, pairs, panel, bias, to, toStride);
    case 2: return DotSums<2>(a, stride, pairs, panel, bias, to, toStride);
    case 3: return DotSums<3>(a, stride, pairs, panel, bias, to, toStride);
    case 4: return DotSums<4>(a, stride, pairs, panel, bias, to, toStride);
    case 5: return DotSums<5>(a, stride, pairs, panel, bias, to, toStride);
    case 6: return DotSums<6>(a, stride, pairs, panel, bias, to, toStride);
  }
}
#endif

// Returns true if this processor has 512-bit vectors and vdpbf16ps.
inline bool HasBf16Dot() {
#ifdef HYPERSWAP_BF16
  static const bool has = __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  return has;
#else
  return false;
#endif
}

// Returns the fastest way of this processor, or the one of any processor.
inline Bf16Sums ChooseBf16Sums(bool portable) {
#ifdef HYPERSWAP_BF16
  if (!portable && HasBf16Dot()) return DotSumsOfRows;
#endif
  return PortableBf16Sums;
}

// Rows in bfloat16, as a `Rows` of `frozen-block.h`.
class Bf16Rows {
 public:
  using Weight = Bf16Weight;

  Bf16Rows(int64_t rows, int64_t width) : width(width), stride(RoundUp(width, 2)), values(rows * stride, 0) {}

  void Put(const float* x, int64_t row, const Bf16Weight&, int64_t) { Round(x, values.data() + row * stride, width); }

  void Multiply(const Bf16Weight& w, int64_t rows, int64_t, float* to, int64_t toStride) const {
    for (int64_t p = 0; p < w.panels; ++p) {
      const uint16_t* panel = w.values + p * w.pairs * panelColumns * 2;
      const int64_t column = p * panelColumns;
      ForEachTile(rows, [&](int64_t row, int64_t height) {
        w.sumsOf(values.data() + row * stride, stride, w.pairs, height, panel, w.bias + column,
                 to + row * toStride + column, toStride);
      });
    }
  }

 private:
  const int64_t width, stride;
  std::vector<uint16_t> values;
};

}  // namespace
}  // namespace hyperswap
