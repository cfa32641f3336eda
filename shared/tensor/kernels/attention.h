// Attention of one head over the tokens of one patch, on floats that stay in the second cache.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "lanes.h"
#include "row-arithmetic.h"

namespace hyperswap {
namespace {

// Writes a · b for a [rows, depth] and b [depth, columns], each with rows `…Stride` floats apart. Blocks of 4 · 64 sums
// stay in registers.
FOR_EACH_PROCESSOR
void FloatProduct(const float* a, int64_t aStride, int64_t rows, int64_t depth, const float* b, int64_t bStride,
                  int64_t columns, float* to, int64_t stride) {
  int64_t c = 0;
  for (; c + 4 * laneWidth <= columns; c += 4 * laneWidth) {
    int64_t r = 0;
    for (; r + 4 <= rows; r += 4) {
      Lane sums[4][4] = {};
      for (int64_t k = 0; k < depth; ++k) {
        const float* from = b + k * bStride + c;
        const Lane b0 = LoadLane(from), b1 = LoadLane(from + 16), b2 = LoadLane(from + 32), b3 = LoadLane(from + 48);
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) {
          const float value = a[(r + i) * aStride + k];
          sums[i][0] += value * b0;
          sums[i][1] += value * b1;
          sums[i][2] += value * b2;
          sums[i][3] += value * b3;
        }
      }
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) StoreLane(sums[i][j], to + (r + i) * stride + c + j * laneWidth);
      }
    }
    for (; r < rows; ++r) {
      Lane sums[4] = {};
      for (int64_t k = 0; k < depth; ++k) {
        const float value = a[r * aStride + k];
#pragma GCC unroll 4
        for (int j = 0; j < 4; ++j) sums[j] += value * LoadLane(b + k * bStride + c + j * laneWidth);
      }
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) StoreLane(sums[j], to + r * stride + c + j * laneWidth);
    }
  }
  for (; c + laneWidth <= columns; c += laneWidth) {
    int64_t r = 0;
    for (; r + 8 <= rows; r += 8) {
      Lane sums[8] = {};
      for (int64_t k = 0; k < depth; ++k) {
        const Lane from = LoadLane(b + k * bStride + c);
#pragma GCC unroll 8
        for (int i = 0; i < 8; ++i) sums[i] += a[(r + i) * aStride + k] * from;
      }
#pragma GCC unroll 8
      for (int i = 0; i < 8; ++i) StoreLane(sums[i], to + (r + i) * stride + c);
    }
    for (; r < rows; ++r) {
      Lane sum = {};
      for (int64_t k = 0; k < depth; ++k) sum += a[r * aStride + k] * LoadLane(b + k * bStride + c);
      StoreLane(sum, to + r * stride + c);
    }
  }
  if (c == columns) return;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t column = c; column < columns; ++column) {
      float sum = 0;
      for (int64_t k = 0; k < depth; ++k) sum += a[r * aStride + k] * b[k * bStride + column];
      to[r * stride + column] = sum;
    }
  }
}

// Writes softmax(q · kᵀ) · v of one head; q, k and v are [tokens, width] with rows `stride` floats apart, the scale is
// in q already. `room` has tokens · (tokens + width) floats.
inline void Attention(const float* q, const float* k, const float* v, int64_t stride, int64_t tokens, int64_t width,
                      float* room, float* to, int64_t toStride) {
  float* keys = room;
  float* scores = room + tokens * width;
  for (int64_t d = 0; d < width; ++d) {
    for (int64_t t = 0; t < tokens; ++t) keys[d * tokens + t] = k[t * stride + d];
  }
  FloatProduct(q, stride, tokens, width, keys, tokens, tokens, scores, tokens);
  for (int64_t t = 0; t < tokens; ++t) Softmax(scores + t * tokens, scores + t * tokens, tokens);
  FloatProduct(scores, tokens, tokens, tokens, v, stride, width, to, toStride);
}

}  // namespace
}  // namespace hyperswap
