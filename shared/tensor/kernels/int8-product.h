// Matrix products of 8-bit integers with 32-bit sums. Activations have a scale and an offset per row, weights a scale
// per output. The scale of a row depends on that row only, so a result does not depend on the other rows of a batch.
//
// An activation is x = scale · u + offset with u in 0 … 255, a weight w = scale · q with q in -127 … 127. Then
// Σ x w = scale(w) · (scale(x) · Σ u q + offset · Σ q): exact integer sums, then float arithmetic.
//
// The mean of each token's input over many patches is subtracted before quantising, and its product with the weight is
// part of the token's bias. The rest varies less, so that its rounding error is smaller.
// Reference: Jacob et al. 2018, Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
// Inference, section 2.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "packed-panels.h"
#include "row-arithmetic.h"

#if defined(__x86_64__) && defined(__has_attribute)
#include <immintrin.h>
#define HYPERSWAP_VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))
#endif

namespace hyperswap {
namespace {

// Adds up the integer products of a tile. All ways give the same sums.
using SumsOfRows = void (*)(const uint8_t* a, int64_t groups, int64_t rows, const int8_t* panel, int32_t* to);

// A weight [in, out] in the order in which a product reads it: panels of 64 outputs, groups of four inputs, outputs,
// inputs. Inputs and outputs that fill up a group or a panel are 0.
struct PackedWeight {
  const int8_t* values;
  int64_t groups;
  int64_t panels;
  // Each [panels · 64]: the scale, and the scale times the sum of the column's integers.
  const float* scales;
  const float* sums;
  // [tokens, panels · 64]
  const float* bias;
  // Mean input of each token, [tokens, in].
  const float* center;
  SumsOfRows sumsOf;

  int64_t columns() const { return panels * panelColumns; }
};

// Quantises a row: 0 is its smallest value, 255 its largest. Bytes from `count` to `padded` become 0.
FOR_EACH_PROCESSOR
void QuantiseRow(const float* x, int64_t count, int64_t padded, uint8_t* to, float* scale, float* offset) {
  float smallest = x[0], largest = x[0];
#pragma omp simd reduction(min : smallest) reduction(max : largest)
  for (int64_t i = 0; i < count; ++i) {
    smallest = x[i] < smallest ? x[i] : smallest;
    largest = x[i] > largest ? x[i] : largest;
  }
  const float step = (largest - smallest) / 255.0f;
  const float factor = step > 0 ? 1.0f / step : 0.0f;
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    to[i] = static_cast<uint8_t>(static_cast<int32_t>(std::min((x[i] - smallest) * factor + 0.5f, 255.0f)));
  }
  std::fill(to + count, to + padded, uint8_t{0});
  *scale = step;
  *offset = smallest;
}

// Quantises and packs the outputs of one panel. `weight` is [in, out].
inline void PackPanel(const float* weight, int64_t in, int64_t out, int64_t panel, int8_t* values, float* scales,
                      float* sums) {
  const int64_t groups = RoundUp(in, 4) / 4;
  const int64_t first = panel * panelColumns, columns = std::min(panelColumns, out - first);
  float largest[panelColumns] = {}, factors[panelColumns] = {};
  int32_t totals[panelColumns] = {};
  for (int64_t k = 0; k < in; ++k) {
    for (int64_t c = 0; c < columns; ++c) largest[c] = std::max(largest[c], std::fabs(weight[k * out + first + c]));
  }
  for (int64_t c = 0; c < columns; ++c) factors[c] = largest[c] > 0 ? 127.0f / largest[c] : 0.0f;
  std::fill(values, values + groups * panelColumns * 4, int8_t{0});
  for (int64_t k = 0; k < in; ++k) {
    int8_t* to = values + (k / 4) * panelColumns * 4 + k % 4;
    for (int64_t c = 0; c < columns; ++c) {
      const int32_t q = static_cast<int32_t>(std::lrintf(weight[k * out + first + c] * factors[c]));
      to[4 * c] = static_cast<int8_t>(q);
      totals[c] += q;
    }
  }
  for (int64_t c = 0; c < panelColumns; ++c) {
    scales[c] = largest[c] / 127.0f;
    sums[c] = scales[c] * static_cast<float>(totals[c]);
  }
}

// Adds up the integer products of a tile on any processor. Writes [rows, 64] sums.
FOR_EACH_PROCESSOR
void PortableSums(const uint8_t* a, int64_t groups, int64_t rows, const int8_t* panel, int32_t* to) {
  std::fill(to, to + rows * panelColumns, 0);
  for (int64_t r = 0; r < rows; ++r) {
    int32_t* sums = to + r * panelColumns;
    for (int64_t g = 0; g < groups; ++g) {
      const uint8_t* u = a + (r * groups + g) * 4;
      const int8_t* w = panel + g * panelColumns * 4;
#pragma omp simd
      for (int64_t c = 0; c < panelColumns; ++c) {
        sums[c] += u[0] * w[4 * c] + u[1] * w[4 * c + 1] + u[2] * w[4 * c + 2] + u[3] * w[4 * c + 3];
      }
    }
  }
}

#ifdef HYPERSWAP_VNNI
// Does the same with the instruction vpdpbusd, which adds four products of bytes to a 32-bit sum. All sums stay in
// registers until the end.
template <int Rows>
HYPERSWAP_VNNI INLINE void VnniSums(const uint8_t* a, int64_t groups, const int8_t* panel, int32_t* to) {
  __m512i sums[Rows][4];
#pragma GCC unroll 6
  for (int r = 0; r < Rows; ++r) {
    sums[r][0] = sums[r][1] = sums[r][2] = sums[r][3] = _mm512_setzero_si512();
  }
  for (int64_t g = 0; g < groups; ++g) {
    const int8_t* w = panel + g * panelColumns * 4;
    const __m512i w0 = _mm512_loadu_si512(w), w1 = _mm512_loadu_si512(w + 64);
    const __m512i w2 = _mm512_loadu_si512(w + 128), w3 = _mm512_loadu_si512(w + 192);
#pragma GCC unroll 6
    for (int r = 0; r < Rows; ++r) {
      int32_t four;
      std::memcpy(&four, a + (r * groups + g) * 4, 4);
      const __m512i u = _mm512_set1_epi32(four);
      sums[r][0] = _mm512_dpbusd_epi32(sums[r][0], u, w0);
      sums[r][1] = _mm512_dpbusd_epi32(sums[r][1], u, w1);
      sums[r][2] = _mm512_dpbusd_epi32(sums[r][2], u, w2);
      sums[r][3] = _mm512_dpbusd_epi32(sums[r][3], u, w3);
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < Rows; ++r) {
    _mm512_storeu_si512(to + r * panelColumns, sums[r][0]);
    _mm512_storeu_si512(to + r * panelColumns + 16, sums[r][1]);
    _mm512_storeu_si512(to + r * panelColumns + 32, sums[r][2]);
    _mm512_storeu_si512(to + r * panelColumns + 48, sums[r][3]);
  }
}

HYPERSWAP_VNNI
void VnniSumsOfRows(const uint8_t* a, int64_t groups, int64_t rows, const int8_t* panel, int32_t* to) {
  switch (rows) {
    case 1: return VnniSums<1>(a, groups, panel, to);
    case 2: return VnniSums<2>(a, groups, panel, to);
    case 3: return VnniSums<3>(a, groups, panel, to);
    case 4: return VnniSums<4>(a, groups, panel, to);
    case 5: return VnniSums<5>(a, groups, panel, to);
    case 6: return VnniSums<6>(a, groups, panel, to);
  }
}
#endif

// Writes a row of 64 results: sums with scales, offset and bias.
FOR_EACH_PROCESSOR
void FinishRow(const int32_t* totals, float scale, float offset, const float* scales, const float* sums,
               const float* bias, float* to) {
#pragma omp simd
  for (int64_t c = 0; c < panelColumns; ++c) {
    to[c] = scale * static_cast<float>(totals[c]) * scales[c] + offset * sums[c] + bias[c];
  }
}

// Returns true if this processor has 512-bit vectors and vpdpbusd.
inline bool HasVnni() {
#ifdef HYPERSWAP_VNNI
  static const bool has = __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  return has;
#else
  return false;
#endif
}

// Returns the fastest way of this processor, or the one of any processor.
inline SumsOfRows ChooseSums(bool portable) {
#ifdef HYPERSWAP_VNNI
  if (!portable && HasVnni()) return VnniSumsOfRows;
#endif
  return PortableSums;
}

// Rows of 8-bit activations, as a `Rows` of `frozen-block.h`.
class Int8Rows {
 public:
  using Weight = PackedWeight;

  Int8Rows(int64_t rows, int64_t width)
      : width(width), stride(RoundUp(width, 4)), scales(rows), offsets(rows), values(rows * stride), centred(width) {}

  void Put(const float* x, int64_t row, const PackedWeight& w, int64_t token) {
    Subtract(x, w.center + token * width, centred.data(), width);
    QuantiseRow(centred.data(), width, stride, values.data() + row * stride, &scales[row], &offsets[row]);
  }

  void Multiply(const PackedWeight& w, int64_t rows, int64_t token, float* to, int64_t toStride) const {
    int32_t totals[tileRows * panelColumns];
    for (int64_t p = 0; p < w.panels; ++p) {
      const int8_t* panel = w.values + p * w.groups * panelColumns * 4;
      const int64_t column = p * panelColumns;
      ForEachTile(rows, [&](int64_t row, int64_t height) {
        w.sumsOf(values.data() + row * stride, w.groups, height, panel, totals);
        for (int64_t r = 0; r < height; ++r) {
          FinishRow(totals + r * panelColumns, scales[row + r], offsets[row + r], w.scales + column, w.sums + column,
                    w.bias + (token + row + r) * w.columns() + column, to + (row + r) * toStride + column);
        }
      });
    }
  }

 private:
  const int64_t width, stride;
  std::vector<float> scales, offsets;
  std::vector<uint8_t> values;
  std::vector<float> centred;
};

}  // namespace
}  // namespace hyperswap
