// What a transformer block does to one element or one row at a time, each as one op on processors: by TensorFlow's own ops GELU's gradient
// is eleven passes over memory, a norm's six. Built into the addon; shared/tensor/src/device/row-operations.ts calls them.
//
// T is float or bfloat16; whatever comes in, the arithmetic is float.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"

// One machine code a generation of processors, chosen when the addon is loaded: the cache may lie in a home that several machines share.
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
namespace {

using tensorflow::OpKernel;
using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::bfloat16;

// ---- Arithmetic on floats. Loops are marked for the vectoriser, which may then reorder sums.

// e^x for x ≤ 0: 2^n · e^r with |r| ≤ ½ ln 2, e^r by its Taylor series (next term < 2^-27). Below e^-87 it stays there.
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

// Φ(x), the normal distribution, by Abramowitz and Stegun 7.1.26 (error ≤ 7.5e-8, no cancellation below 0), and e^(-x²/2), which it takes.
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

// dy · (Φ(x) + x φ(x))
FOR_EACH_PROCESSOR
void GeluGradient(const float* x, const float* dy, float* dx, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    const float density = Exponential(-0.5f * x[i] * x[i]);
    dx[i] = dy[i] * (Cumulative(x[i], density) + 0.39894228f * x[i] * density);
  }
}

// (x - mean) · factor. @returns the factor, 1 / √(variance + epsilon)
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

// residual + factor · (dy - mean(dy) - y · mean(dy · y)), where y is x standardised.
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

// e^x / Σ e^x, from the largest x down, so that nothing overflows.
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

// a · (da - Σ da · a), where a is a row of a softmax.
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
void Widen(const uint16_t* from, float* to, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    const uint32_t bits = static_cast<uint32_t>(from[i]) << 16;
    std::memcpy(&to[i], &bits, sizeof bits);
  }
}

// To bfloat16, to nearest even.
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

// ---- Floats in and out of tensors, a piece that stays in the first cache at a time.

constexpr int64_t longestPiece = 4096;

// `count` values as floats: those of the tensor itself, or widened into `room`.
template <typename T>
INLINE const float* Read(const T* values, float* room, int64_t count) {
  if constexpr (std::is_same_v<T, float>) return values;
  else {
    Widen(reinterpret_cast<const uint16_t*>(values), room, count);
    return room;
  }
}

// Where to write floats for `Written` to bring to `values`.
template <typename T>
INLINE float* Writable(T* values, float* room) {
  if constexpr (std::is_same_v<T, float>) return values;
  else return room;
}

template <typename T>
INLINE void Written(T* values, const float* room, int64_t count) {
  if constexpr (!std::is_same_v<T, float>) Round(room, reinterpret_cast<uint16_t*>(values), count);
}

// Runs `work(first, last)` over parts of 0 … `units` in TensorFlow's threads. @param values a unit's
template <typename Work>
void InParallel(OpKernelContext* context, int64_t units, int64_t values, Work work) {
  const int64_t cyclesPerValue = 8;
  context->device()->tensorflow_cpu_worker_threads()->workers->ParallelFor(units, values * cyclesPerValue, work);
}

#define REQUIRE(condition, message) OP_REQUIRES(context, condition, tensorflow::errors::InvalidArgument(message))

// ---- Ops on elements

// `work(at, count)` on pieces of all elements of x.
template <typename Work>
void InPieces(OpKernelContext* context, const Tensor& x, Work work) {
  InParallel(context, x.NumElements(), 2, [=](int64_t first, int64_t last) {
    for (int64_t at = first; at < last; at += longestPiece) work(at, std::min(longestPiece, last - at));
  });
}

template <typename T>
class AddBranchOp : public OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(OpKernelContext* context) override {
    const Tensor& x = context->input(0);
    const Tensor& branch = context->input(1);
    REQUIRE(x.shape() == branch.shape(), "x and branch differ in shape");
    Tensor* sum;
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &sum));
    const float* fromX = x.flat<float>().data();
    const T* fromBranch = branch.flat<T>().data();
    float* to = sum->flat<float>().data();
    InPieces(context, x, [=](int64_t at, int64_t count) {
      float room[longestPiece];
      Add(fromX + at, Read(fromBranch + at, room, count), to + at, count);
    });
  }
};

// ---- Ops on rows: the last axis

bool RowsFit(const Tensor& x) {
  return x.dims() > 0 && x.dim_size(x.dims() - 1) > 0 && x.dim_size(x.dims() - 1) <= longestPiece;
}

constexpr char tooLong[] = "rows have 1 to 4096 values";

// `work(at, width)` on each row of x. @param passes over a row's values
template <typename Work>
void InRows(OpKernelContext* context, const Tensor& x, int64_t passes, Work work) {
  const int64_t width = x.dim_size(x.dims() - 1);
  InParallel(context, x.NumElements() / width, passes * width, [=](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) work(row * width, width);
  });
}

// An op that adds an epsilon to variances.
class NormOp : public OpKernel {
 public:
  explicit NormOp(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("epsilon", &epsilon));
  }

 protected:
  float epsilon;
};

template <typename T>
class StandardiseOp : public NormOp {
 public:
  using NormOp::NormOp;
  void Compute(OpKernelContext* context) override {
    const Tensor& x = context->input(0);
    REQUIRE(RowsFit(x), tooLong);
    Tensor* y;
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &y));
    const float* from = x.flat<float>().data();
    T* to = y->flat<T>().data();
    InRows(context, x, 1, [=, epsilon = epsilon](int64_t at, int64_t width) {
      float room[longestPiece];
      Standardise(from + at, epsilon, Writable(to + at, room), width);
      Written(to + at, room, width);
    });
  }
};

template <typename T>
class StandardiseGradientOp : public NormOp {
 public:
  using NormOp::NormOp;
  void Compute(OpKernelContext* context) override {
    const Tensor& x = context->input(0);
    const Tensor& dy = context->input(1);
    const Tensor& residual = context->input(2);
    REQUIRE(RowsFit(x), tooLong);
    REQUIRE(x.shape() == dy.shape() && x.shape() == residual.shape(), "x, dy and residual differ in shape");
    Tensor* dx;
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &dx));
    const float *fromX = x.flat<float>().data(), *fromResidual = residual.flat<float>().data();
    const T* fromDy = dy.flat<T>().data();
    float* to = dx->flat<float>().data();
    InRows(context, x, 2, [=, epsilon = epsilon](int64_t at, int64_t width) {
      float y[longestPiece], roomDy[longestPiece];
      const float factor = Standardise(fromX + at, epsilon, y, width);
      StandardiseGradient(y, factor, Read(fromDy + at, roomDy, width), fromResidual + at, to + at, width);
    });
  }
};

// ---- Ops whose tensors all have one shape and element type

// How an op goes through its tensors.
struct Pieces {
  static bool Fits(const Tensor&) { return true; }
  template <typename Work>
  static void Each(OpKernelContext* context, const Tensor& x, Work work) { InPieces(context, x, work); }
};

struct Rows {
  static bool Fits(const Tensor& x) { return RowsFit(x); }
  template <typename Work>
  static void Each(OpKernelContext* context, const Tensor& x, Work work) { InRows(context, x, 2, work); }
};

template <typename T, typename Way, void (*function)(const float* x, float* y, int64_t count)>
class UnaryOp : public OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(OpKernelContext* context) override {
    const Tensor& x = context->input(0);
    REQUIRE(Way::Fits(x), tooLong);
    Tensor* y;
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &y));
    const T* from = x.flat<T>().data();
    T* to = y->flat<T>().data();
    Way::Each(context, x, [=](int64_t at, int64_t count) {
      float roomX[longestPiece], roomY[longestPiece];
      function(Read(from + at, roomX, count), Writable(to + at, roomY), count);
      Written(to + at, roomY, count);
    });
  }
};

template <typename T, typename Way, void (*function)(const float* a, const float* b, float* c, int64_t count)>
class BinaryOp : public OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(OpKernelContext* context) override {
    const Tensor& a = context->input(0);
    const Tensor& b = context->input(1);
    REQUIRE(Way::Fits(a), tooLong);
    REQUIRE(a.shape() == b.shape(), "the inputs differ in shape");
    Tensor* c;
    OP_REQUIRES_OK(context, context->allocate_output(0, a.shape(), &c));
    const T *fromA = a.flat<T>().data(), *fromB = b.flat<T>().data();
    T* to = c->flat<T>().data();
    Way::Each(context, a, [=](int64_t at, int64_t count) {
      float roomA[longestPiece], roomB[longestPiece], roomC[longestPiece];
      function(Read(fromA + at, roomA, count), Read(fromB + at, roomB, count), Writable(to + at, roomC), count);
      Written(to + at, roomC, count);
    });
  }
};

template <typename T> using GeluOp = UnaryOp<T, Pieces, Gelu>;
template <typename T> using GeluGradientOp = BinaryOp<T, Pieces, GeluGradient>;
template <typename T> using SoftmaxOp = UnaryOp<T, Rows, Softmax>;
template <typename T> using SoftmaxGradientOp = BinaryOp<T, Rows, SoftmaxGradient>;

using tensorflow::shape_inference::UnchangedShape;

REGISTER_OP("HyperswapGelu").Input("x: T").Output("y: T").Attr("T: {float, bfloat16}").SetShapeFn(UnchangedShape);
REGISTER_OP("HyperswapGeluGradient")
    .Input("x: T").Input("dy: T").Output("dx: T").Attr("T: {float, bfloat16}").SetShapeFn(UnchangedShape);
REGISTER_OP("HyperswapAddBranch")
    .Input("x: float").Input("branch: T").Output("sum: float").Attr("T: {float, bfloat16}").SetShapeFn(UnchangedShape);
REGISTER_OP("HyperswapStandardise")
    .Input("x: float").Output("y: T").Attr("T: {float, bfloat16}").Attr("epsilon: float").SetShapeFn(UnchangedShape);
REGISTER_OP("HyperswapStandardiseGradient")
    .Input("x: float").Input("dy: T").Input("residual: float").Output("dx: float")
    .Attr("T: {float, bfloat16}").Attr("epsilon: float").SetShapeFn(UnchangedShape);
REGISTER_OP("HyperswapSoftmax").Input("x: T").Output("y: T").Attr("T: {float, bfloat16}").SetShapeFn(UnchangedShape);
REGISTER_OP("HyperswapSoftmaxGradient")
    .Input("softmax: T").Input("gradient: T").Output("dx: T").Attr("T: {float, bfloat16}").SetShapeFn(UnchangedShape);

#define REGISTER(name, kernel)                                                                                       \
  REGISTER_KERNEL_BUILDER(Name(name).Device("CPU").TypeConstraint<float>("T"), kernel<float>);                        \
  REGISTER_KERNEL_BUILDER(Name(name).Device("CPU").TypeConstraint<bfloat16>("T"), kernel<bfloat16>)

REGISTER("HyperswapGelu", GeluOp);
REGISTER("HyperswapGeluGradient", GeluGradientOp);
REGISTER("HyperswapAddBranch", AddBranchOp);
REGISTER("HyperswapStandardise", StandardiseOp);
REGISTER("HyperswapStandardiseGradient", StandardiseGradientOp);
REGISTER("HyperswapSoftmax", SoftmaxOp);
REGISTER("HyperswapSoftmaxGradient", SoftmaxGradientOp);

}  // namespace
}  // namespace hyperswap
