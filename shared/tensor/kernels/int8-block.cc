// A frozen transformer block whose layers are 8-bit integers (`frozen-block.h`). shared/tensor/src/device/packed-block.ts
// calls these ops.
#include "frozen-block.h"
#include "int8-product.h"
#include "pack-op.h"

namespace hyperswap {
namespace {

using tensorflow::OpKernelContext;
using tensorflow::Tensor;

// Quantises a layer with the mean input of each token, center [tokens, in], to values of four integers in each int32
// and 2 + tokens rows of columns: scales, sums, and for each token bias + center · weight.
class Int8PackOp : public PackOp {
 public:
  using PackOp::PackOp;
  void Compute(OpKernelContext* context) override {
    const Tensor& center = context->input(2);
    const Tensor& weight = context->input(0);
    REQUIRE(center.dims() == 2 && weight.dims() == 2 && center.dim_size(1) == weight.dim_size(0),
            "weight and center differ");
    const int64_t tokens = center.dim_size(0);
    const float* fromCenter = center.flat<float>().data();
    PackPanels(context, 4, 2 + tokens, 4 + tokens / 16, [=](const Panel& panel) {
      PackPanel(panel.weight, panel.in, panel.out, panel.index, reinterpret_cast<int8_t*>(panel.values), panel.columns,
                panel.columns + panel.stride);
      float* toBias = panel.columns + 2 * panel.stride;
      FloatProduct(fromCenter, panel.in, tokens, panel.in, panel.weight + panel.column, panel.out, panel.count, toBias,
                   panel.stride);
      for (int64_t t = 0; t < tokens; ++t) {
        Add(toBias + t * panel.stride, panel.bias + panel.column, toBias + t * panel.stride, panel.count);
      }
    });
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
REGISTER_BLOCK_OP("HyperswapInt8Block")
    .Input("attention_center: float").Input("projection_center: float")
    .Input("first_center: float").Input("second_center: float");
REGISTER_KERNEL_BUILDER(Name("HyperswapInt8Pack").Device("CPU"), Int8PackOp);
REGISTER_KERNEL_BUILDER(Name("HyperswapInt8Block").Device("CPU"), Int8BlockOp);

}  // namespace
}  // namespace hyperswap
