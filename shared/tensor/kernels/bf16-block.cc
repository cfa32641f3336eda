// A frozen transformer block whose layers are bfloat16 (`frozen-block.h`). shared/tensor/src/device/packed-block.ts calls
// these ops.
#include "bf16-product.h"
#include "frozen-block.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"

namespace hyperswap {
namespace {

using tensorflow::OpKernel;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::TensorShape;

// Packs a layer, weight [in, out] and bias [out], to values [panels, in / 2, 64] (two bfloat16 in each int32) and
// columns [1, panels · 64], the bias.
class PackOp : public OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(OpKernelContext* context) override {
    const Tensor& weight = context->input(0);
    const Tensor& bias = context->input(1);
    REQUIRE(weight.dims() == 2 && bias.dims() == 1 && weight.dim_size(1) == bias.dim_size(0), "weight and bias differ");
    const int64_t in = weight.dim_size(0), out = weight.dim_size(1);
    const int64_t pairs = RoundUp(in, 2) / 2, padded = RoundUp(out, panelColumns), panels = padded / panelColumns;
    Tensor *values, *columns;
    OP_REQUIRES_OK(context, context->allocate_output(0, TensorShape({panels, pairs, panelColumns}), &values));
    OP_REQUIRES_OK(context, context->allocate_output(1, TensorShape({1, padded}), &columns));
    float* described = columns->flat<float>().data();
    std::fill(described, described + padded, 0.0f);
    std::copy_n(bias.flat<float>().data(), out, described);
    const float* from = weight.flat<float>().data();
    uint16_t* to = reinterpret_cast<uint16_t*>(values->flat<int32_t>().data());
    auto work = [=](int64_t first, int64_t last) {
      for (int64_t panel = first; panel < last; ++panel) {
        PackBf16Panel(from, in, out, panel, to + panel * pairs * panelColumns * 2);
      }
    };
    context->device()->tensorflow_cpu_worker_threads()->workers->ParallelFor(panels, in * panelColumns * 2, work);
  }
};

class Bf16BlockOp : public BlockOp<Bf16Rows> {
 public:
  using BlockOp::BlockOp;

 protected:
  bool ReadLayer(OpKernelContext* context, int index, int64_t in, int64_t columns, Bf16Weight* layer) override {
    const Tensor& values = context->input(1 + 2 * index);
    const Tensor& bias = context->input(2 + 2 * index);
    *layer = {reinterpret_cast<const uint16_t*>(values.flat<int32_t>().data()), RoundUp(in, 2) / 2,
              columns / panelColumns, bias.flat<float>().data(), ChooseBf16Sums(portable)};
    return values.dims() == 3 && values.dim_size(0) == layer->panels && values.dim_size(1) == layer->pairs &&
           values.dim_size(2) == panelColumns && bias.NumElements() == columns;
  }
};

REGISTER_OP("HyperswapBf16Pack")
    .Input("weight: float").Input("bias: float").Output("values: int32").Output("columns: float")
    .SetShapeFn(tensorflow::shape_inference::UnknownShape);
REGISTER_OP("HyperswapBf16Block")
    .Input("x: float")
    .Input("q: int32").Input("q_columns: float").Input("k: int32").Input("k_columns: float")
    .Input("v: int32").Input("v_columns: float").Input("projection: int32").Input("projection_columns: float")
    .Input("first: int32").Input("first_columns: float").Input("second: int32").Input("second_columns: float")
    .Output("y: float")
    .Attr("tokens: int").Attr("heads: int").Attr("hidden: int").Attr("epsilon: float").Attr("portable: bool")
    .SetShapeFn(tensorflow::shape_inference::UnknownShape);
REGISTER_KERNEL_BUILDER(Name("HyperswapBf16Pack").Device("CPU"), PackOp);
REGISTER_KERNEL_BUILDER(Name("HyperswapBf16Block").Device("CPU"), Bf16BlockOp);

}  // namespace
}  // namespace hyperswap
