// Attention at sampled points: each query reads a few points of the square grid that the tokens form, bilinearly, with
// zeros outside. Interpolation is linear, so that an interpolated key's score is the interpolated score of the keys, and
// the weights of the points spread to the tokens give a matrix that multiplies the values as a softmax does.
// shared/tensor/src/device/sampled-attention.ts calls these ops.
//
// T is float or bfloat16. The arithmetic is float for both.
#include "op-values.h"
#include "row-arithmetic.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"

namespace hyperswap {
namespace {

using tensorflow::OpKernel;
using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;

constexpr int64_t mostTokens = 4096, mostPoints = 64;

// The four tokens around a point: places are -1 outside of the grid.
struct Corners {
  int64_t places[4];
  float shares[4], alongX[4], alongY[4];

  Corners(float x, float y, int64_t side) {
    // Points further away are outside of the grid too; the limit keeps them in the range of integers.
    x = std::min(std::max(x, -2.0f), side + 1.0f);
    y = std::min(std::max(y, -2.0f), side + 1.0f);
    const float left = std::floor(x), top = std::floor(y);
    const float right = x - left, down = y - top;
    const float acrossX[2] = {1 - right, right}, acrossY[2] = {1 - down, down}, slope[2] = {-1, 1};
    for (int64_t corner = 0; corner < 4; ++corner) {
      const int64_t i = corner % 2, j = corner / 2;
      const int64_t column = static_cast<int64_t>(left) + i, row = static_cast<int64_t>(top) + j;
      const bool isInside = column >= 0 && column < side && row >= 0 && row < side;
      places[corner] = isInside ? row * side + column : -1;
      shares[corner] = acrossX[i] * acrossY[j];
      alongX[corner] = slope[i] * acrossY[j];
      alongY[corner] = acrossX[i] * slope[j];
    }
  }

  // Returns Σ factors · values at the corners.
  INLINE float Sum(const float* factors, const float* values) const {
    float sum = 0;
    for (int64_t corner = 0; corner < 4; ++corner) {
      if (places[corner] >= 0) sum += factors[corner] * values[places[corner]];
    }
    return sum;
  }

  // Adds `value` · shares to the tokens.
  INLINE void Spread(float value, float* to) const {
    for (int64_t corner = 0; corner < 4; ++corner) {
      if (places[corner] >= 0) to[places[corner]] += value * shares[corner];
    }
  }
};

// Base of both ops: their shapes, and the loop over queries.
class SamplingOp : public OpKernel {
 public:
  explicit SamplingOp(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("side", &side));
  }

 protected:
  int64_t side;

  int64_t Tokens() const { return side * side; }

  // Returns the points of a query, or 0 where the shapes do not fit.
  int64_t Points(const Tensor& scores, const Tensor& offsets) const {
    const int64_t tokens = Tokens(), axes = scores.dims();
    if (side < 1 || tokens > mostTokens || axes < 2 || offsets.dims() != axes) return 0;
    for (int64_t axis = 0; axis < axes - 1; ++axis) {
      if (scores.dim_size(axis) != offsets.dim_size(axis)) return 0;
    }
    if (scores.dim_size(axes - 1) != tokens || scores.dim_size(axes - 2) != tokens) return 0;
    const int64_t coordinates = offsets.dim_size(axes - 1);
    return coordinates % 2 == 0 && coordinates <= 2 * mostPoints ? coordinates / 2 : 0;
  }

  Corners At(int64_t query, const float* offsets, int64_t point) const {
    const int64_t token = query % Tokens();
    return Corners(token % side + offsets[2 * point], token / side + offsets[2 * point + 1], side);
  }

  // Runs `work(query)` for each query of each head.
  template <typename Work>
  void ForEachQuery(OpKernelContext* context, const Tensor& scores, Work work) const {
    const int64_t tokens = Tokens();
    context->device()->tensorflow_cpu_worker_threads()->workers->ParallelFor(
        scores.NumElements() / tokens, 4 * tokens + 400, [&](int64_t first, int64_t last) {
          for (int64_t query = first; query < last; ++query) work(query);
        });
  }
};

constexpr char samplingRules[] =
    "scores are [..., side², side²] with side² up to 4096, offsets [..., side², 2 · points] with up to 64 points";

template <typename T>
class SampledAttentionOp : public SamplingOp {
 public:
  using SamplingOp::SamplingOp;
  void Compute(OpKernelContext* context) override {
    const Tensor &scores = context->input(0), &offsets = context->input(1);
    const int64_t points = Points(scores, offsets), tokens = Tokens();
    REQUIRE(points > 0, samplingRules);
    Tensor* attention;
    OP_REQUIRES_OK(context, context->allocate_output(0, scores.shape(), &attention));
    const T *fromScores = scores.flat<T>().data(), *fromOffsets = offsets.flat<T>().data();
    T* to = attention->flat<T>().data();
    ForEachQuery(context, scores, [&](int64_t query) {
      float roomS[mostTokens], roomO[2 * mostPoints], weights[mostPoints], roomA[mostTokens];
      const float* s = Read(fromScores + query * tokens, roomS, tokens);
      const float* o = Read(fromOffsets + query * 2 * points, roomO, 2 * points);
      for (int64_t p = 0; p < points; ++p) {
        const Corners corners = At(query, o, p);
        weights[p] = corners.Sum(corners.shares, s);
      }
      Softmax(weights, weights, points);
      float* a = Writable(to + query * tokens, roomA);
      std::fill_n(a, tokens, 0.0f);
      for (int64_t p = 0; p < points; ++p) At(query, o, p).Spread(weights[p], a);
      Written(to + query * tokens, roomA, tokens);
    });
  }
};

template <typename T>
class SampledAttentionGradientOp : public SamplingOp {
 public:
  using SamplingOp::SamplingOp;
  void Compute(OpKernelContext* context) override {
    const Tensor &scores = context->input(0), &offsets = context->input(1), &gradient = context->input(2);
    const int64_t points = Points(scores, offsets), tokens = Tokens();
    REQUIRE(points > 0, samplingRules);
    REQUIRE(gradient.shape() == scores.shape(), "the gradient is of another attention");
    Tensor *dScores, *dOffsets;
    OP_REQUIRES_OK(context, context->allocate_output(0, scores.shape(), &dScores));
    OP_REQUIRES_OK(context, context->allocate_output(1, offsets.shape(), &dOffsets));
    const T *fromScores = scores.flat<T>().data(), *fromOffsets = offsets.flat<T>().data();
    const T* fromGradient = gradient.flat<T>().data();
    T *toScores = dScores->flat<T>().data(), *toOffsets = dOffsets->flat<T>().data();
    ForEachQuery(context, scores, [&](int64_t query) {
      float roomS[mostTokens], roomO[2 * mostPoints], roomG[mostTokens], roomDs[mostTokens], roomDo[2 * mostPoints];
      float weights[mostPoints], slopes[mostPoints];
      const float* s = Read(fromScores + query * tokens, roomS, tokens);
      const float* o = Read(fromOffsets + query * 2 * points, roomO, 2 * points);
      const float* g = Read(fromGradient + query * tokens, roomG, tokens);
      for (int64_t p = 0; p < points; ++p) {
        const Corners corners = At(query, o, p);
        weights[p] = corners.Sum(corners.shares, s);
        slopes[p] = corners.Sum(corners.shares, g);
      }
      Softmax(weights, weights, points);
      SoftmaxGradient(weights, slopes, slopes, points);
      float* ds = Writable(toScores + query * tokens, roomDs);
      float* places = Writable(toOffsets + query * 2 * points, roomDo);
      std::fill_n(ds, tokens, 0.0f);
      for (int64_t p = 0; p < points; ++p) {
        const Corners corners = At(query, o, p);
        corners.Spread(slopes[p], ds);
        places[2 * p] = slopes[p] * corners.Sum(corners.alongX, s) + weights[p] * corners.Sum(corners.alongX, g);
        places[2 * p + 1] = slopes[p] * corners.Sum(corners.alongY, s) + weights[p] * corners.Sum(corners.alongY, g);
      }
      Written(toScores + query * tokens, roomDs, tokens);
      Written(toOffsets + query * 2 * points, roomDo, 2 * points);
    });
  }
};

using tensorflow::shape_inference::UnknownShape;

REGISTER_OP("HyperswapSampledAttention")
    .Input("scores: T").Input("offsets: T").Output("attention: T")
    .Attr("T: {float, bfloat16}").Attr("side: int").SetShapeFn(UnknownShape);
REGISTER_OP("HyperswapSampledAttentionGradient")
    .Input("scores: T").Input("offsets: T").Input("gradient: T").Output("dscores: T").Output("doffsets: T")
    .Attr("T: {float, bfloat16}").Attr("side: int").SetShapeFn(UnknownShape);

REGISTER("HyperswapSampledAttention", SampledAttentionOp);
REGISTER("HyperswapSampledAttentionGradient", SampledAttentionGradientOp);

}  // namespace
}  // namespace hyperswap
