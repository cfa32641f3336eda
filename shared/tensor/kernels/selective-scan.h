// Selective scan of a state-space layer (Gu and Dao 2023, arXiv:2312.00752, section 3) on floats: sixteen channels at a
// time, their states in registers or the first cache.
//
// For each channel and state n: a = e^(delta A), h ← a h + delta B x, y = Σ C h + D x, out = y silu(z), with
// delta = softplus(raw) and A = -e^(A_log).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "lanes.h"

namespace hyperswap {
namespace {

// Steps of a chunk. The forward pass keeps the states at the start of each chunk but the first; the gradient computes
// the others again.
constexpr int64_t chunkSteps = 32;
constexpr int64_t mostStates = 64;

inline int64_t ChunksOf(int64_t length) { return (length + chunkSteps - 1) / chunkSteps; }

// Tensors of a scan. Sequences follow each other: x, raw and z are [sequences, length, channels]; B and C are
// [sequences, length, states].
struct Scan {
  const float *x, *raw, *b, *c, *z;
  const float* rates;  // A, [states, channels]
  const float* skip;   // D, [channels]
  int64_t length, channels, states;
};

// Runs one sequence for the channels `first` … `last`. `kept` gets the states at chunk starts,
// [chunks - 1, states, channels]; null without a gradient.
FOR_EACH_PROCESSOR
void ScanForward(const Scan& scan, int64_t first, int64_t last, float* kept, float* out) {
  const int64_t channels = scan.channels, states = scan.states;
  for (int64_t d = first; d < last; d += laneWidth) {
    Lane h[mostStates], rates[mostStates];
    for (int64_t n = 0; n < states; ++n) {
      h[n] = Lane{};
      rates[n] = LoadLane(scan.rates + n * channels + d);
    }
    const Lane skip = LoadLane(scan.skip + d);
    for (int64_t t = 0; t < scan.length; ++t) {
      if (kept != nullptr && t > 0 && t % chunkSteps == 0) {
        float* to = kept + (t / chunkSteps - 1) * states * channels + d;
        for (int64_t n = 0; n < states; ++n) StoreLane(h[n], to + n * channels);
      }
      const Lane x = LoadLane(scan.x + t * channels + d);
      const Lane delta = SoftplusOf(LoadLane(scan.raw + t * channels + d));
      const Lane step = delta * x;
      const float *b = scan.b + t * states, *c = scan.c + t * states;
      Lane y = skip * x;
      for (int64_t n = 0; n < states; ++n) {
        h[n] = ExponentialOf(delta * rates[n]) * h[n] + step * b[n];
        y += h[n] * c[n];
      }
      const Lane z = LoadLane(scan.z + t * channels + d);
      StoreLane(y * z * SigmoidOf(z), out + t * channels + d);
    }
  }
}

// Gradients of a scan, laid out as its tensors. Those of B and C are of the channels of one unit of work; those of A_log
// and D add up over the sequences.
struct ScanGradient {
  float *x, *raw, *z, *b, *c;
  float* logarithms;  // of A_log, [states, channels]
  float* skip;        // [channels]
};

// Floats that `ScanBackward` needs beside its tensors.
inline int64_t ScanRoom(int64_t channels, int64_t states) {
  const int64_t lanes = channels / laneWidth;
  return laneWidth * ((2 * chunkSteps + 1) * states + 2 * chunkSteps * states + chunkSteps + lanes * states);
}

// Runs one sequence backwards for the channels `first` … `last`. The sweep carries R = a(t + 1) G(t + 1):
// G = C g + R; dC = g h; dB = G delta x; dx = delta Σ G B + D g; d delta = Σ G (h(t - 1) a A + B x);
// dA_log = Σ G h(t - 1) a delta A. `dOut` is of the scan's result; `room` has `ScanRoom` floats.
FOR_EACH_PROCESSOR
void ScanBackward(const Scan& scan, int64_t first, int64_t last, const float* kept, const float* dOut, float* room,
                  const ScanGradient& to) {
  const int64_t channels = scan.channels, states = scan.states;
  float* before = room;                                           // states before each step, and after the last
  float* decays = before + (chunkSteps + 1) * states * laneWidth;
  float* sumsB = decays + chunkSteps * states * laneWidth;
  float* sumsC = sumsB + chunkSteps * states * laneWidth;
  float* results = sumsC + chunkSteps * states * laneWidth;       // y of each step
  float* carried = results + chunkSteps * laneWidth;              // R, [lanes, states]
  std::fill(carried, carried + (last - first) * states, 0.0f);
  for (int64_t chunk = ChunksOf(scan.length) - 1; chunk >= 0; --chunk) {
    const int64_t start = chunk * chunkSteps, steps = std::min(chunkSteps, scan.length - start);
    std::fill(sumsB, sumsB + steps * states * laneWidth, 0.0f);
    std::fill(sumsC, sumsC + steps * states * laneWidth, 0.0f);
    for (int64_t d = first; d < last; d += laneWidth) {
      const Lane skip = LoadLane(scan.skip + d);
      Lane h[mostStates], rates[mostStates];
      for (int64_t n = 0; n < states; ++n) {
        h[n] = chunk == 0 ? Lane{} : LoadLane(kept + ((chunk - 1) * states + n) * channels + d);
        rates[n] = LoadLane(scan.rates + n * channels + d);
        StoreLane(h[n], before + n * laneWidth);
      }
      for (int64_t i = 0; i < steps; ++i) {
        const int64_t at = (start + i) * channels + d;
        const Lane x = LoadLane(scan.x + at);
        const Lane delta = SoftplusOf(LoadLane(scan.raw + at));
        const Lane step = delta * x;
        const float *b = scan.b + (start + i) * states, *c = scan.c + (start + i) * states;
        Lane y = skip * x;
        for (int64_t n = 0; n < states; ++n) {
          const Lane decay = ExponentialOf(delta * rates[n]);
          h[n] = decay * h[n] + step * b[n];
          y += h[n] * c[n];
          StoreLane(decay, decays + (i * states + n) * laneWidth);
          StoreLane(h[n], before + ((i + 1) * states + n) * laneWidth);
        }
        StoreLane(y, results + i * laneWidth);
      }
      Lane carry[mostStates], logarithms[mostStates];
      float* carriedHere = carried + (d - first) * states;
      for (int64_t n = 0; n < states; ++n) {
        carry[n] = LoadLane(carriedHere + n * laneWidth);
        logarithms[n] = LoadLane(to.logarithms + n * channels + d);
      }
      Lane dSkip = LoadLane(to.skip + d);
      for (int64_t i = steps - 1; i >= 0; --i) {
        const int64_t at = (start + i) * channels + d;
        const Lane x = LoadLane(scan.x + at), raw = LoadLane(scan.raw + at), z = LoadLane(scan.z + at);
        const Lane dResult = LoadLane(dOut + at), y = LoadLane(results + i * laneWidth);
        const Lane open = SigmoidOf(z);
        StoreLane(dResult * y * open * (1.0f + z * (1.0f - open)), to.z + at);
        const Lane g = dResult * z * open;
        const Lane delta = SoftplusOf(raw), step = delta * x;
        const float *b = scan.b + (start + i) * states, *c = scan.c + (start + i) * states;
        Lane alongB = {}, dDelta = {};
        for (int64_t n = 0; n < states; ++n) {
          const int64_t place = (i * states + n) * laneWidth;
          const Lane gradient = g * c[n] + carry[n];
          const Lane decay = LoadLane(decays + place);
          const Lane flow = gradient * LoadLane(before + place) * decay * rates[n];
          StoreLane(LoadLane(sumsC + place) + g * LoadLane(before + place + states * laneWidth), sumsC + place);
          StoreLane(LoadLane(sumsB + place) + gradient * step, sumsB + place);
          alongB += gradient * b[n];
          dDelta += flow;
          logarithms[n] += flow * delta;
          carry[n] = decay * gradient;
        }
        StoreLane(delta * alongB + skip * g, to.x + at);
        StoreLane((dDelta + x * alongB) * SigmoidOf(raw), to.raw + at);
        dSkip += g * x;
      }
      for (int64_t n = 0; n < states; ++n) {
        StoreLane(carry[n], carriedHere + n * laneWidth);
        StoreLane(logarithms[n], to.logarithms + n * channels + d);
      }
      StoreLane(dSkip, to.skip + d);
    }
    for (int64_t i = 0; i < steps * states; ++i) {
      to.b[start * states + i] = SumOf(LoadLane(sumsB + i * laneWidth));
      to.c[start * states + i] = SumOf(LoadLane(sumsC + i * laneWidth));
    }
  }
}

}  // namespace
}  // namespace hyperswap
