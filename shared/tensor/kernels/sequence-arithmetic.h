// Rows of a causal convolution and of a group norm, each with SiLU, on floats. Rows have a multiple of 16 channels.
#pragma once

#include <algorithm>
#include <cstdint>

#include "lanes.h"

namespace hyperswap {
namespace {

// Slope of x · sigmoid(x).
INLINE Lane SiluSlope(const Lane& x) {
  const Lane open = SigmoidOf(x);
  return open * (1.0f + x * (1.0f - open));
}

// A depthwise convolution along sequences that sees the own step and the `taps - 1` before it.
struct Convolution {
  const float* x;        // [sequences, length, channels]
  const float* weights;  // [taps, channels], the last tap is the own step's
  const float* bias;
  int64_t length, channels, taps;
};

INLINE Lane ConvolvedAt(const Convolution& of, int64_t row, int64_t d) {
  Lane sum = LoadLane(of.bias + d);
  const int64_t earlier = std::min(of.taps - 1, row % of.length);
  for (int64_t back = 0; back <= earlier; ++back) {
    sum += LoadLane(of.weights + (of.taps - 1 - back) * of.channels + d) * LoadLane(of.x + (row - back) * of.channels + d);
  }
  return sum;
}

FOR_EACH_PROCESSOR
void ConvolveRows(const Convolution& of, int64_t first, int64_t last, float* out) {
  for (int64_t row = first; row < last; ++row) {
    for (int64_t d = 0; d < of.channels; d += laneWidth) {
      const Lane sum = ConvolvedAt(of, row, d);
      StoreLane(sum * SigmoidOf(sum), out + row * of.channels + d);
    }
  }
}

// Writes the gradient before SiLU, and adds those of weights and bias: [taps + 1, channels], the bias last.
FOR_EACH_PROCESSOR
void ConvolutionSlopes(const Convolution& of, const float* dOut, int64_t first, int64_t last, float* slopes, float* sums) {
  for (int64_t row = first; row < last; ++row) {
    const int64_t earlier = std::min(of.taps - 1, row % of.length);
    for (int64_t d = 0; d < of.channels; d += laneWidth) {
      const Lane slope = LoadLane(dOut + row * of.channels + d) * SiluSlope(ConvolvedAt(of, row, d));
      StoreLane(slope, slopes + row * of.channels + d);
      float* bias = sums + of.taps * of.channels + d;
      StoreLane(LoadLane(bias) + slope, bias);
      for (int64_t back = 0; back <= earlier; ++back) {
        float* sum = sums + (of.taps - 1 - back) * of.channels + d;
        StoreLane(LoadLane(sum) + slope * LoadLane(of.x + (row - back) * of.channels + d), sum);
      }
    }
  }
}

FOR_EACH_PROCESSOR
void ConvolutionGradient(const Convolution& of, const float* slopes, int64_t first, int64_t last, float* dx) {
  for (int64_t row = first; row < last; ++row) {
    const int64_t later = std::min(of.taps - 1, of.length - 1 - row % of.length);
    for (int64_t d = 0; d < of.channels; d += laneWidth) {
      Lane sum = {};
      for (int64_t ahead = 0; ahead <= later; ++ahead) {
        sum += LoadLane(of.weights + (of.taps - 1 - ahead) * of.channels + d) *
               LoadLane(slopes + (row + ahead) * of.channels + d);
      }
      StoreLane(sum, dx + row * of.channels + d);
    }
  }
}

// Adds the rows' sums, or their squared distances to `mean`, channel by channel.
FOR_EACH_PROCESSOR
void AddRows(const float* x, int64_t first, int64_t last, int64_t channels, float* sums) {
  for (int64_t row = first; row < last; ++row) {
#pragma omp simd
    for (int64_t d = 0; d < channels; ++d) sums[d] += x[row * channels + d];
  }
}

FOR_EACH_PROCESSOR
void AddSquares(const float* x, const float* mean, int64_t first, int64_t last, int64_t channels, float* sums) {
  for (int64_t row = first; row < last; ++row) {
#pragma omp simd
    for (int64_t d = 0; d < channels; ++d) {
      const float distance = x[row * channels + d] - mean[d];
      sums[d] += distance * distance;
    }
  }
}

// A norm over groups of channels and all rows. Mean and factor are given channel by channel.
struct Norm {
  const float *x, *scale, *shift, *mean, *factor;
  int64_t channels;
};

FOR_EACH_PROCESSOR
void NormRows(const Norm& of, int64_t first, int64_t last, float* y) {
  for (int64_t row = first; row < last; ++row) {
    for (int64_t d = 0; d < of.channels; d += laneWidth) {
      const Lane standard = (LoadLane(of.x + row * of.channels + d) - LoadLane(of.mean + d)) * LoadLane(of.factor + d);
      const Lane value = standard * LoadLane(of.scale + d) + LoadLane(of.shift + d);
      StoreLane(value * SigmoidOf(value), y + row * of.channels + d);
    }
  }
}

// Writes the gradient before SiLU, and adds those of scale and shift: [2, channels].
FOR_EACH_PROCESSOR
void NormSlopes(const Norm& of, const float* dy, int64_t first, int64_t last, float* slopes, float* sums) {
  for (int64_t row = first; row < last; ++row) {
    for (int64_t d = 0; d < of.channels; d += laneWidth) {
      const int64_t at = row * of.channels + d;
      const Lane standard = (LoadLane(of.x + at) - LoadLane(of.mean + d)) * LoadLane(of.factor + d);
      const Lane slope = LoadLane(dy + at) * SiluSlope(standard * LoadLane(of.scale + d) + LoadLane(of.shift + d));
      StoreLane(slope, slopes + at);
      StoreLane(LoadLane(sums + d) + slope * standard, sums + d);
      StoreLane(LoadLane(sums + of.channels + d) + slope, sums + of.channels + d);
    }
  }
}

// Turns slopes into the gradient of x, in place. `means` has mean(scale · slope) and mean(scale · slope · standard) of
// each channel's group: [2, channels].
FOR_EACH_PROCESSOR
void NormGradient(const Norm& of, const float* means, int64_t first, int64_t last, float* slopes) {
  for (int64_t row = first; row < last; ++row) {
    for (int64_t d = 0; d < of.channels; d += laneWidth) {
      const int64_t at = row * of.channels + d;
      const Lane factor = LoadLane(of.factor + d);
      const Lane standard = (LoadLane(of.x + at) - LoadLane(of.mean + d)) * factor;
      const Lane centred = LoadLane(slopes + at) * LoadLane(of.scale + d) - LoadLane(means + d);
      StoreLane(factor * (centred - standard * LoadLane(means + of.channels + d)), slopes + at);
    }
  }
}

}  // namespace
}  // namespace hyperswap
