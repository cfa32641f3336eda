// A frozen transformer block whose layers are bfloat16 (`frozen-block.h`). shared/tensor/src/device/packed-block.ts calls
// these ops.
#include "bf16-product.h"
#include "frozen-block.h"
#include "pack-op.h"

namespace hyperswap {
namespace {

using tensorflow::OpKernelContext;
using tensorflow::Tensor;

// Packs a layer to values of two bfloat16 in each int32 and one row of columns, the bias.
class Bf16PackOp : public PackOp {
 public:
  using PackOp::PackOp;
  void Compute(OpKernelContext* context) override {
    PackPanels(context, 2, 1, 2, [](const Panel& panel) {
      std::copy_n(panel.bias + panel.column, panel.count, panel.columns);
      PackBf16Panel(panel.weight, panel.in, panel.out, panel.index, reinterpret_cast<uint16_t*>(panel.values));
    });
  }
};

// Tells, as 1 or 0, if the block's products use the processor's instruction: older compilers do not know it.
class HasBf16DotOp : public tensorflow::OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(OpKernelContext* context) override {
    Tensor* has;
    OP_REQUIRES_OK(context, context->allocate_output(0, tensorflow::TensorShape({1}), &has));
    has->flat<int32_t>()(0) = HasBf16Dot() ? 1 : 0;
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
REGISTER_BLOCK_OP("HyperswapBf16Block");
REGISTER_OP("HyperswapHasBf16Dot").Output("has: int32").SetShapeFn(tensorflow::shape_inference::UnknownShape);
REGISTER_KERNEL_BUILDER(Name("HyperswapBf16Pack").Device("CPU"), Bf16PackOp);
REGISTER_KERNEL_BUILDER(Name("HyperswapBf16Block").Device("CPU"), Bf16BlockOp);
REGISTER_KERNEL_BUILDER(Name("HyperswapHasBf16Dot").Device("CPU"), HasBf16DotOp);

}  // namespace
}  // namespace hyperswap
