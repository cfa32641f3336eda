// A frozen transformer block whose layers are 8-bit integers (`frozen-block.h`). shared/tensor/src/device/packed-block.ts
// calls these ops.
#include "frozen-block.h"
#include "int8-product.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"

namespace hyperswap {
namespace {

using tensorflow::OpKernel;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::TensorShape;

// Quantises a layer: weight [in, out], bias [out] and the mean input of each token, center [tokens, in], to values
// [panels, in / 4, 64] (four integers in each int32) and columns [2 + tokens, panels · 64] (scales, sums, and for each
// token bias + center · weight).
class PackOp : public OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(OpKernelContext* context) override {
    const Tensor& weight = context->input(0);
    const Tensor& bias = context->input(1);
    const Tensor& center = context->input(2);
    REQUIRE(weight.dims() == 2 && bias.dims() == 1 && weight.dim_size(1) == bias.dim_size(0), "weight and bias differ");
    REQUIRE(center.dims() == 2 && center.dim_size(1) == weight.dim_size(0), "weight and center differ");
    const int64_t in = weight.dim_size(0), out = weight.dim_size(1), tokens = center.dim_size(0);
    const int64_t groups = RoundUp(in, 4) / 4, padded = RoundUp(out, panelColumns), panels = padded / panelColumns;
    Tensor *values, *columns;
    OP_REQUIRES_OK(context, context->allocate_output(0, TensorShape({panels, groups, panelColumns}), &values));
    OP_REQUIRES_OK(context, context->allocate_output(1, TensorShape({2 + tokens, padded}), &columns));
    const float* from = weight.flat<float>().data();
    int8_t* to = reinterpret_cast<int8_t*>(values->flat<int32_t>().data());
    float* described = columns->flat<float>().data();
    std::fill(described, described + (2 + tokens) * padded, 0.0f);
    const float *fromBias = bias.flat<float>().data(), *fromCenter = center.flat<float>().data();
    auto work = [=](int64_t first, int64_t last) {
      for (int64_t panel = first; panel < last; ++panel) {
        const int64_t column = panel * panelColumns, count = std::min(panelColumns, out - column);
        PackPanel(from, in, out, panel, to + panel * groups * panelColumns * 4, described + column,
                  described + padded + column);
        float* toBias = described + 2 * padded + column;
        FloatProduct(fromCenter, in, tokens, in, from + column, out, count, toBias, padded);
        for (int64_t t = 0; t < tokens; ++t) Add(toBias + t * padded, fromBias + column, toBias + t * padded, count);
      }
    };
    const int64_t cyclesPerPanel = in * panelColumns * (4 + tokens / 16);
    context->device()->tensorflow_cpu_worker_threads()->workers->ParallelFor(panels, cyclesPerPanel, work);
  }
};

class Int8BlockOp : public BlockOp<Int8Rows> {
 public:
  using BlockOp::BlockOp;

 protected:
  bool ReadLayer(OpKernelContext* context, int index, int64_t in, int64_t columns, PackedWeight* layer) override {
    const Tensor& values = context->input(1 + 2 * index);
    const Tensor& described = context->input(2 + 2 * index);
    // q, k and v have one center.
    const Tensor& center = context->input(13 + std::max(index - 2, 0));
    const float* from = described.flat<float>().data();
    *layer = {reinterpret_cast<const int8_t*>(values.flat<int32_t>().data()), RoundUp(in, 4) / 4,
              columns / panelColumns, from, from + columns, from + 2 * columns, center.flat<float>().data(),
              ChooseSums(portable)};
    return values.dims() == 3 && values.dim_size(0) == layer->panels && values.dim_size(1) == layer->groups &&
           values.dim_size(2) == panelColumns && described.NumElements() == (2 + tokens) * columns &&
           center.NumElements() == tokens * in;
  }
};

REGISTER_OP("HyperswapInt8Pack")
    .Input("weight: float").Input("bias: float").Input("center: float").Output("values: int32").Output("columns: float")
    .SetShapeFn(tensorflow::shape_inference::UnknownShape);
REGISTER_OP("HyperswapInt8Block")
    .Input("x: float")
    .Input("q: int32").Input("q_columns: float").Input("k: int32").Input("k_columns: float")
    .Input("v: int32").Input("v_columns: float").Input("projection: int32").Input("projection_columns: float")
    .Input("first: int32").Input("first_columns: float").Input("second: int32").Input("second_columns: float")
    .Input("attention_center: float").Input("projection_center: float")
    .Input("first_center: float").Input("second_center: float")
    .Output("y: float")
    .Attr("tokens: int").Attr("heads: int").Attr("hidden: int").Attr("epsilon: float").Attr("portable: bool")
    .SetShapeFn(tensorflow::shape_inference::UnknownShape);
REGISTER_KERNEL_BUILDER(Name("HyperswapInt8Pack").Device("CPU"), PackOp);
REGISTER_KERNEL_BUILDER(Name("HyperswapInt8Block").Device("CPU"), Int8BlockOp);

}  // namespace
}  // namespace hyperswap
