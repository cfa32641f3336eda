// Packing of a layer for a frozen block: the part that all number formats share.
#pragma once

#include <algorithm>

#include "op-values.h"
#include "packed-panels.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"

namespace hyperswap {
namespace {

// Packs a layer, weight [in, out] and bias [out], to values [panels, in / inputsOfGroup, 64], a group of inputs in each
// int32, and columns [rows, panels · 64], which start as 0.
class PackOp : public tensorflow::OpKernel {
 public:
  using OpKernel::OpKernel;

 protected:
  // One panel of a layer that is packed.
  struct Panel {
    const float *weight, *bias;
    int64_t in, out, index;
    // First output of the panel, and its outputs.
    int64_t column, count;
    // Values of the panel.
    int32_t* values;
    // Values of `columns` at the panel's first output; rows are `stride` apart.
    float* columns;
    int64_t stride;
  };

  // Calls pack(panel) for each panel in TensorFlow's threads. `cyclesPerWeight` estimates its cost.
  template <class Pack>
  void PackPanels(tensorflow::OpKernelContext* context, int64_t inputsOfGroup, int64_t rows, int64_t cyclesPerWeight,
                  const Pack& pack) {
    const tensorflow::Tensor& weight = context->input(0);
    const tensorflow::Tensor& bias = context->input(1);
    REQUIRE(weight.dims() == 2 && bias.dims() == 1 && weight.dim_size(1) == bias.dim_size(0), "weight and bias differ");
    const int64_t in = weight.dim_size(0), out = weight.dim_size(1);
    const int64_t groups = RoundUp(in, inputsOfGroup) / inputsOfGroup;
    const int64_t padded = RoundUp(out, panelColumns), panels = padded / panelColumns;
    tensorflow::Tensor *values, *columns;
    OP_REQUIRES_OK(context, context->allocate_output(0, tensorflow::TensorShape({panels, groups, panelColumns}), &values));
    OP_REQUIRES_OK(context, context->allocate_output(1, tensorflow::TensorShape({rows, padded}), &columns));
    const float *fromWeight = weight.flat<float>().data(), *fromBias = bias.flat<float>().data();
    int32_t* to = values->flat<int32_t>().data();
    float* described = columns->flat<float>().data();
    std::fill(described, described + rows * padded, 0.0f);
    auto work = [&](int64_t first, int64_t last) {
      for (int64_t panel = first; panel < last; ++panel) {
        const int64_t column = panel * panelColumns, count = std::min(panelColumns, out - column);
        pack(Panel{fromWeight, fromBias, in, out, panel, column, count, to + panel * groups * panelColumns,
                   described + column, padded});
      }
    };
    context->device()->tensorflow_cpu_worker_threads()->workers->ParallelFor(panels, in * panelColumns * cyclesPerWeight,
                                                                             work);
  }
};

}  // namespace
}  // namespace hyperswap
