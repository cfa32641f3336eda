// Ops of networks that read a scene as one long sequence: selective scan, causal convolution and group norm, each with
// its gate or activation, and their gradients. Sums over rows are made in blocks that do not depend on the number of
// threads: a resumed training gives the same bytes as an uninterrupted one. shared/tensor/src/device/ calls them.
#include <algorithm>
#include <cmath>
#include <vector>

#include "op-values.h"
#include "selective-scan.h"
#include "sequence-arithmetic.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"

namespace hyperswap {
namespace {

using tensorflow::DT_FLOAT;
using tensorflow::OpKernel;
using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::TensorShape;

// Runs `work(unit)` for each unit in TensorFlow's threads.
template <typename Work>
void ForEachUnit(OpKernelContext* context, int64_t units, int64_t cyclesPerUnit, Work work) {
  context->device()->tensorflow_cpu_worker_threads()->workers->ParallelFor(
      units, cyclesPerUnit, [&](int64_t first, int64_t last) {
        for (int64_t unit = first; unit < last; ++unit) work(unit);
      });
}

const float* Read(OpKernelContext* context, int input) { return context->input(input).flat<float>().data(); }

// Blocks of 0 … `count`. They depend on `count` only, not on the number of threads.
struct Blocks {
  int64_t count, units;
  Blocks(int64_t count, int64_t smallest) : count(count), units(std::max<int64_t>(1, std::min<int64_t>(64, count / smallest))) {}
  int64_t First(int64_t unit) const { return count * unit / units; }
  int64_t Last(int64_t unit) const { return count * (unit + 1) / units; }
};

// Adds rows of `parts`, [units, length], in order.
std::vector<double> Total(const std::vector<float>& parts, int64_t units, int64_t length) {
  std::vector<double> total(length, 0.0);
  for (int64_t unit = 0; unit < units; ++unit) {
    for (int64_t i = 0; i < length; ++i) total[i] += parts[unit * length + i];
  }
  return total;
}

// ---- Selective scan

// Division of a scan among threads: long sequences by channels, many short ones by sequences.
struct ScanPlan {
  int64_t sequences, length, channels, states, unitChannels, channelUnits;
  Blocks blocks;
  std::vector<float> rates;

  explicit ScanPlan(OpKernelContext* context)
      : sequences(context->input(0).dim_size(0)), length(context->input(0).dim_size(1)),
        channels(context->input(0).dim_size(2)), states(context->input(2).dim_size(2)),
        unitChannels(sequences >= 16 || channels % 32 != 0 ? channels : 32), channelUnits(channels / unitChannels),
        blocks(sequences, 1), rates(states * channels) {
    const float* logarithms = Read(context, 4);
    for (int64_t d = 0; d < channels; ++d) {
      for (int64_t n = 0; n < states; ++n) rates[n * channels + d] = -std::exp(logarithms[d * states + n]);
    }
  }

  Scan At(OpKernelContext* context, int64_t sequence) const {
    const int64_t row = sequence * length;
    return {Read(context, 0) + row * channels, Read(context, 1) + row * channels, Read(context, 2) + row * states,
            Read(context, 3) + row * states, Read(context, 6) + row * channels, rates.data(), Read(context, 5),
            length, channels, states};
  }

  int64_t KeptFloats() const { return (ChunksOf(length) - 1) * states * channels; }
  TensorShape KeptShape() const { return TensorShape({sequences, ChunksOf(length) - 1, states, channels}); }

  // Runs `work(sequence, first channel, last channel, block, channel unit)`.
  template <typename Work>
  void Run(OpKernelContext* context, Work work) const {
    const int64_t cycles = std::max<int64_t>(1, sequences / blocks.units) * length * unitChannels * states * 2;
    ForEachUnit(context, blocks.units * channelUnits, cycles, [&](int64_t unit) {
      const int64_t block = unit / channelUnits, part = unit % channelUnits;
      for (int64_t sequence = blocks.First(block); sequence < blocks.Last(block); ++sequence) {
        work(sequence, part * unitChannels, (part + 1) * unitChannels, block, part);
      }
    });
  }
};

bool ScanFits(OpKernelContext* context) {
  const Tensor &x = context->input(0), &b = context->input(2), &logarithms = context->input(4);
  if (x.dims() != 3 || b.dims() != 3 || x.NumElements() == 0) return false;
  const int64_t channels = x.dim_size(2), states = b.dim_size(2);
  return channels % laneWidth == 0 && states >= 1 && states <= mostStates && context->input(1).shape() == x.shape() &&
         context->input(6).shape() == x.shape() && context->input(3).shape() == b.shape() &&
         b.dim_size(0) == x.dim_size(0) && b.dim_size(1) == x.dim_size(1) &&
         logarithms.shape() == TensorShape({channels, states}) && context->input(5).shape() == TensorShape({channels});
}

constexpr char scanRules[] =
    "x, raw and z are [sequences, length, channels], channels a multiple of 16; b and c [sequences, length, states], at "
    "most 64 states; logarithms [channels, states]; skip [channels]";

class SelectiveScanOp : public OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(OpKernelContext* context) override {
    REQUIRE(ScanFits(context), scanRules);
    const ScanPlan plan(context);
    Tensor *out, *kept;
    OP_REQUIRES_OK(context, context->allocate_output(0, context->input(0).shape(), &out));
    OP_REQUIRES_OK(context, context->allocate_output(1, plan.KeptShape(), &kept));
    float *to = out->flat<float>().data(), *keep = kept->flat<float>().data();
    plan.Run(context, [&](int64_t sequence, int64_t first, int64_t last, int64_t, int64_t) {
      ScanForward(plan.At(context, sequence), first, last, keep + sequence * plan.KeptFloats(),
                  to + sequence * plan.length * plan.channels);
    });
  }
};

class SelectiveScanGradientOp : public OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(OpKernelContext* context) override {
    REQUIRE(ScanFits(context), scanRules);
    const ScanPlan plan(context);
    const int64_t length = plan.length, channels = plan.channels, states = plan.states;
    REQUIRE(context->input(7).shape() == plan.KeptShape(), "kept is of another scan");
    REQUIRE(context->input(8).shape() == context->input(0).shape(), "the gradient is of another scan");
    Tensor* d[7];
    for (int i = 0; i < 7; ++i) OP_REQUIRES_OK(context, context->allocate_output(i, context->input(i).shape(), &d[i]));
    float* to[7];
    for (int i = 0; i < 7; ++i) to[i] = d[i]->flat<float>().data();
    // Each channel unit has its own part of the gradients of B and C, each block its own of those of A_log and D.
    const int64_t tokens = plan.sequences * length * states, unit = (states + 1) * channels;
    Tensor parts;
    if (plan.channelUnits > 1) {
      OP_REQUIRES_OK(context, context->allocate_temp(DT_FLOAT, TensorShape({2, plan.channelUnits, tokens}), &parts));
    }
    float* part = plan.channelUnits > 1 ? parts.flat<float>().data() : nullptr;
    std::vector<float> sums(plan.blocks.units * unit, 0.0f);
    const float *kept = Read(context, 7), *dOut = Read(context, 8);
    plan.Run(context, [&](int64_t sequence, int64_t first, int64_t last, int64_t block, int64_t channelUnit) {
      thread_local std::vector<float> room;
      room.resize(ScanRoom(last - first, states));
      const int64_t at = sequence * length * channels, token = sequence * length * states;
      float* b = part == nullptr ? to[2] : part + channelUnit * tokens;
      float* c = part == nullptr ? to[3] : part + (plan.channelUnits + channelUnit) * tokens;
      float* own = sums.data() + block * unit;
      const ScanGradient gradient = {to[0] + at, to[1] + at, to[6] + at, b + token, c + token, own, own + states * channels};
      ScanBackward(plan.At(context, sequence), first, last, kept + sequence * plan.KeptFloats(), dOut + at, room.data(),
                   gradient);
    });
    if (part != nullptr) {
      for (int which = 0; which < 2; ++which) {
        const float* from = part + which * plan.channelUnits * tokens;
        std::copy(from, from + tokens, to[2 + which]);
        for (int64_t i = 1; i < plan.channelUnits; ++i) Add(to[2 + which], from + i * tokens, to[2 + which], tokens);
      }
    }
    const std::vector<double> total = Total(sums, plan.blocks.units, unit);
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t n = 0; n < states; ++n) to[4][c * states + n] = total[n * channels + c];
      to[5][c] = total[states * channels + c];
    }
  }
};

// ---- Causal convolution

struct ConvolutionPlan {
  std::vector<float> weights;
  Convolution of;

  explicit ConvolutionPlan(OpKernelContext* context) {
    const Tensor &x = context->input(0), &given = context->input(1);
    const int64_t channels = x.dim_size(2), taps = given.dim_size(1);
    const float* from = Read(context, 1);
    weights.resize(taps * channels);
    for (int64_t d = 0; d < channels; ++d) {
      for (int64_t tap = 0; tap < taps; ++tap) weights[tap * channels + d] = from[d * taps + tap];
    }
    of = {Read(context, 0), weights.data(), Read(context, 2), x.dim_size(1), channels, taps};
  }
};

bool ConvolutionFits(OpKernelContext* context) {
  const Tensor &x = context->input(0), &weights = context->input(1);
  return x.dims() == 3 && x.NumElements() > 0 && x.dim_size(2) % laneWidth == 0 && weights.dims() == 2 &&
         weights.dim_size(0) == x.dim_size(2) && weights.dim_size(1) >= 1 &&
         context->input(2).shape() == TensorShape({x.dim_size(2)});
}

constexpr char convolutionRules[] =
    "x is [sequences, length, channels], channels a multiple of 16; weights [channels, taps]; bias [channels]";

class CausalConvolutionOp : public OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(OpKernelContext* context) override {
    REQUIRE(ConvolutionFits(context), convolutionRules);
    const ConvolutionPlan plan(context);
    const Tensor& x = context->input(0);
    Tensor* out;
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &out));
    float* to = out->flat<float>().data();
    const Blocks blocks(x.dim_size(0) * x.dim_size(1), 64);
    ForEachUnit(context, blocks.units, x.NumElements() / blocks.units * 4, [&](int64_t unit) {
      ConvolveRows(plan.of, blocks.First(unit), blocks.Last(unit), to);
    });
  }
};

class CausalConvolutionGradientOp : public OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(OpKernelContext* context) override {
    REQUIRE(ConvolutionFits(context), convolutionRules);
    const Tensor& x = context->input(0);
    REQUIRE(context->input(3).shape() == x.shape(), "the gradient is of another convolution");
    const ConvolutionPlan plan(context);
    const int64_t channels = plan.of.channels, taps = plan.of.taps;
    Tensor *dx, *dWeights, *dBias, slopes;
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &dx));
    OP_REQUIRES_OK(context, context->allocate_output(1, context->input(1).shape(), &dWeights));
    OP_REQUIRES_OK(context, context->allocate_output(2, context->input(2).shape(), &dBias));
    OP_REQUIRES_OK(context, context->allocate_temp(DT_FLOAT, x.shape(), &slopes));
    float *slope = slopes.flat<float>().data(), *to = dx->flat<float>().data();
    const float* dOut = Read(context, 3);
    const Blocks blocks(x.dim_size(0) * x.dim_size(1), 64);
    const int64_t unitFloats = (taps + 1) * channels;
    std::vector<float> sums(blocks.units * unitFloats, 0.0f);
    const int64_t cycles = x.NumElements() / blocks.units * 6;
    ForEachUnit(context, blocks.units, cycles, [&](int64_t unit) {
      ConvolutionSlopes(plan.of, dOut, blocks.First(unit), blocks.Last(unit), slope, sums.data() + unit * unitFloats);
    });
    ForEachUnit(context, blocks.units, cycles, [&](int64_t unit) {
      ConvolutionGradient(plan.of, slope, blocks.First(unit), blocks.Last(unit), to);
    });
    const std::vector<double> total = Total(sums, blocks.units, unitFloats);
    float *toWeights = dWeights->flat<float>().data(), *toBias = dBias->flat<float>().data();
    for (int64_t d = 0; d < channels; ++d) {
      for (int64_t tap = 0; tap < taps; ++tap) toWeights[d * taps + tap] = total[tap * channels + d];
      toBias[d] = total[taps * channels + d];
    }
  }
};

// ---- Group norm

class GroupNormBase : public OpKernel {
 public:
  explicit GroupNormBase(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("groups", &groups));
  }

 protected:
  int64_t groups;

  bool Fits(OpKernelContext* context) const {
    const Tensor& x = context->input(0);
    if (x.dims() != 2 || x.NumElements() == 0 || groups < 1) return false;
    const TensorShape vector({x.dim_size(1)});
    return x.dim_size(1) % laneWidth == 0 && x.dim_size(1) % groups == 0 && context->input(1).shape() == vector &&
           context->input(2).shape() == vector;
  }

  // Returns the mean over the groups of sums by channel, channel by channel. @param rows of the tensor
  std::vector<float> GroupMeans(const std::vector<double>& sums, int64_t rows) const {
    const int64_t channels = sums.size(), width = channels / groups;
    std::vector<float> means(channels);
    for (int64_t first = 0; first < channels; first += width) {
      double sum = 0;
      for (int64_t d = first; d < first + width; ++d) sum += sums[d];
      std::fill_n(means.begin() + first, width, static_cast<float>(sum / (static_cast<double>(rows) * width)));
    }
    return means;
  }
};

constexpr char normRules[] = "x is [rows, channels], channels a multiple of 16 and of the groups; scale and shift [channels]";

class GroupNormOp : public GroupNormBase {
 public:
  explicit GroupNormOp(OpKernelConstruction* context) : GroupNormBase(context) {
    OP_REQUIRES_OK(context, context->GetAttr("epsilon", &epsilon));
  }

  void Compute(OpKernelContext* context) override {
    REQUIRE(Fits(context), normRules);
    const Tensor& x = context->input(0);
    const int64_t rows = x.dim_size(0), channels = x.dim_size(1);
    Tensor *y, *statistics;
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &y));
    OP_REQUIRES_OK(context, context->allocate_output(1, TensorShape({2, channels}), &statistics));
    const float* from = Read(context, 0);
    float *mean = statistics->flat<float>().data(), *factor = mean + channels, *to = y->flat<float>().data();
    const Blocks blocks(rows, 64);
    const int64_t cycles = x.NumElements() / blocks.units;
    std::vector<float> sums(blocks.units * channels, 0.0f);
    ForEachUnit(context, blocks.units, cycles, [&](int64_t unit) {
      AddRows(from, blocks.First(unit), blocks.Last(unit), channels, sums.data() + unit * channels);
    });
    const std::vector<float> means = GroupMeans(Total(sums, blocks.units, channels), rows);
    std::copy(means.begin(), means.end(), mean);
    std::fill(sums.begin(), sums.end(), 0.0f);
    ForEachUnit(context, blocks.units, cycles, [&](int64_t unit) {
      AddSquares(from, mean, blocks.First(unit), blocks.Last(unit), channels, sums.data() + unit * channels);
    });
    const std::vector<float> variances = GroupMeans(Total(sums, blocks.units, channels), rows);
    for (int64_t d = 0; d < channels; ++d) factor[d] = 1.0f / std::sqrt(variances[d] + epsilon);
    const Norm norm = {from, Read(context, 1), Read(context, 2), mean, factor, channels};
    ForEachUnit(context, blocks.units, 3 * cycles, [&](int64_t unit) {
      NormRows(norm, blocks.First(unit), blocks.Last(unit), to);
    });
  }

 private:
  float epsilon;
};

class GroupNormGradientOp : public GroupNormBase {
 public:
  using GroupNormBase::GroupNormBase;
  void Compute(OpKernelContext* context) override {
    REQUIRE(Fits(context), normRules);
    const Tensor& x = context->input(0);
    const int64_t rows = x.dim_size(0), channels = x.dim_size(1);
    REQUIRE(context->input(3).shape() == TensorShape({2, channels}), "statistics are of another norm");
    REQUIRE(context->input(4).shape() == x.shape(), "the gradient is of another norm");
    Tensor *dx, *dScale, *dShift;
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &dx));
    OP_REQUIRES_OK(context, context->allocate_output(1, TensorShape({channels}), &dScale));
    OP_REQUIRES_OK(context, context->allocate_output(2, TensorShape({channels}), &dShift));
    float *to = dx->flat<float>().data(), *toScale = dScale->flat<float>().data(), *toShift = dShift->flat<float>().data();
    const float *mean = Read(context, 3), *dy = Read(context, 4), *scale = Read(context, 1);
    const Norm norm = {Read(context, 0), scale, Read(context, 2), mean, mean + channels, channels};
    const Blocks blocks(rows, 64);
    const int64_t cycles = 4 * x.NumElements() / blocks.units;
    std::vector<float> sums(blocks.units * 2 * channels, 0.0f);
    ForEachUnit(context, blocks.units, cycles, [&](int64_t unit) {
      NormSlopes(norm, dy, blocks.First(unit), blocks.Last(unit), to, sums.data() + unit * 2 * channels);
    });
    const std::vector<double> total = Total(sums, blocks.units, 2 * channels);
    std::vector<double> plain(channels), projected(channels);
    for (int64_t d = 0; d < channels; ++d) {
      toScale[d] = total[d];
      toShift[d] = total[channels + d];
      plain[d] = scale[d] * total[channels + d];
      projected[d] = scale[d] * total[d];
    }
    std::vector<float> means = GroupMeans(plain, rows);
    const std::vector<float> projections = GroupMeans(projected, rows);
    means.insert(means.end(), projections.begin(), projections.end());
    ForEachUnit(context, blocks.units, cycles, [&](int64_t unit) {
      NormGradient(norm, means.data(), blocks.First(unit), blocks.Last(unit), to);
    });
  }
};

using tensorflow::shape_inference::UnknownShape;

#define SCAN_INPUTS                                                                                        \
  Input("x: float").Input("raw: float").Input("b: float").Input("c: float").Input("logarithms: float")      \
      .Input("skip: float").Input("z: float")

REGISTER_OP("HyperswapSelectiveScan").SCAN_INPUTS.Output("out: float").Output("kept: float").SetShapeFn(UnknownShape);
REGISTER_OP("HyperswapSelectiveScanGradient")
    .SCAN_INPUTS.Input("kept: float").Input("gradient: float")
    .Output("dx: float").Output("draw: float").Output("db: float").Output("dc: float").Output("dlogarithms: float")
    .Output("dskip: float").Output("dz: float").SetShapeFn(UnknownShape);
REGISTER_OP("HyperswapCausalConvolution")
    .Input("x: float").Input("weights: float").Input("bias: float").Output("out: float").SetShapeFn(UnknownShape);
REGISTER_OP("HyperswapCausalConvolutionGradient")
    .Input("x: float").Input("weights: float").Input("bias: float").Input("gradient: float")
    .Output("dx: float").Output("dweights: float").Output("dbias: float").SetShapeFn(UnknownShape);
REGISTER_OP("HyperswapGroupNorm")
    .Input("x: float").Input("scale: float").Input("shift: float").Output("y: float").Output("statistics: float")
    .Attr("groups: int").Attr("epsilon: float").SetShapeFn(UnknownShape);
REGISTER_OP("HyperswapGroupNormGradient")
    .Input("x: float").Input("scale: float").Input("shift: float").Input("statistics: float").Input("gradient: float")
    .Output("dx: float").Output("dscale: float").Output("dshift: float").Attr("groups: int").SetShapeFn(UnknownShape);

REGISTER_KERNEL_BUILDER(Name("HyperswapSelectiveScan").Device("CPU"), SelectiveScanOp);
REGISTER_KERNEL_BUILDER(Name("HyperswapSelectiveScanGradient").Device("CPU"), SelectiveScanGradientOp);
REGISTER_KERNEL_BUILDER(Name("HyperswapCausalConvolution").Device("CPU"), CausalConvolutionOp);
REGISTER_KERNEL_BUILDER(Name("HyperswapCausalConvolutionGradient").Device("CPU"), CausalConvolutionGradientOp);
REGISTER_KERNEL_BUILDER(Name("HyperswapGroupNorm").Device("CPU"), GroupNormOp);
REGISTER_KERNEL_BUILDER(Name("HyperswapGroupNormGradient").Device("CPU"), GroupNormGradientOp);

}  // namespace
}  // namespace hyperswap
