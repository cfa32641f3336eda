// Ops of a transformer block on elements or rows, one pass over memory each. TensorFlow's own ops take eleven passes for
// GELU's gradient and six for a norm. shared/tensor/src/device/row-operations.ts calls them.
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

// Values that are read at once, so that they fit the first cache.
constexpr int64_t longestPiece = 4096;

// Runs `work(first, last)` on parts of 0 … `units` in TensorFlow's threads. A unit has `values` values.
template <typename Work>
void InParallel(OpKernelContext* context, int64_t units, int64_t values, Work work) {
  const int64_t cyclesPerValue = 8;
  context->device()->tensorflow_cpu_worker_threads()->workers->ParallelFor(units, values * cyclesPerValue, work);
}

// ---- Ops on elements

// Runs `work(at, count)` on pieces of all elements of x.
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

// Runs `work(at, width)` on each row of x; `passes` is how often it reads a row.
template <typename Work>
void InRows(OpKernelContext* context, const Tensor& x, int64_t passes, Work work) {
  const int64_t width = x.dim_size(x.dims() - 1);
  InParallel(context, x.NumElements() / width, passes * width, [=](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) work(row * width, width);
  });
}

// Base of ops that add an epsilon to variances.
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

// Order in which an op reads its tensors.
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

REGISTER("HyperswapGelu", GeluOp);
REGISTER("HyperswapGeluGradient", GeluGradientOp);
REGISTER("HyperswapAddBranch", AddBranchOp);
REGISTER("HyperswapStandardise", StandardiseOp);
REGISTER("HyperswapStandardiseGradient", StandardiseGradientOp);
REGISTER("HyperswapSoftmax", SoftmaxOp);
REGISTER("HyperswapSoftmaxGradient", SoftmaxGradientOp);

}  // namespace
}  // namespace hyperswap
