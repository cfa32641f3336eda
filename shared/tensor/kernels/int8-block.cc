// A frozen transformer block whose layers are 8-bit integers, as one op. Each patch passes through the whole block in
// the cache of one processor core; only the block's input and output are in memory. Norms, softmax, GELU, attention and
// the residual path are float. shared/tensor/src/device/int8.ts calls these ops.
#include <vector>

#include "attention.h"
#include "int8-product.h"
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
using tensorflow::TensorShape;

#define REQUIRE(condition, message) OP_REQUIRES(context, condition, tensorflow::errors::InvalidArgument(message))

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

// Rows that are quantised for one product after another.
class RowQuantiser {
 public:
  RowQuantiser(int64_t rows, int64_t width) : scales(rows), offsets(rows), values(rows * RoundUp(width, 4)) {}

  void Quantise(const float* x, int64_t row, int64_t width) {
    const int64_t padded = RoundUp(width, 4);
    QuantiseRow(x, width, padded, values.data() + row * padded, &scales[row], &offsets[row]);
  }

  QuantisedRows rows() const { return {values.data(), scales.data(), offsets.data()}; }

 private:
  std::vector<float> scales, offsets;
  std::vector<uint8_t> values;
};

struct Layers {
  PackedWeight q, k, v, projection, first, second;
  SumsOfRows sums;
  // Mean inputs of attention, its projection, and the perceptron's layers: [tokens, width], of the last [tokens, hidden].
  const float *attentionCenter, *projectionCenter, *firstCenter, *secondCenter;
};

// One thread's memory for patches of one shape.
class Block {
 public:
  Block(const Layers& layers, int64_t tokens, int64_t width, int64_t heads, int64_t hidden, float epsilon)
      : layers(layers), tokens(tokens), width(width), heads(heads), hidden(hidden), epsilon(epsilon),
        stride(RoundUp(width, panelColumns)), hiddenStride(RoundUp(hidden, panelColumns)), quantised(tokens, width),
        quantisedHidden(hiddenRows, hidden), heading(3 * tokens * stride), mixed(tokens * width), result(tokens * stride),
        hiddenResult(hiddenRows * hiddenStride), room(tokens * (tokens + width / heads)), row(std::max(width, hidden)) {}

  // Runs the block on one patch: x and y are [tokens, width].
  void Run(const float* x, float* y) {
    QuantiseNorm(x, tokens, layers.attentionCenter);
    float *q = heading.data(), *k = q + tokens * stride, *v = k + tokens * stride;
    Product(quantised.rows(), tokens, layers.q, layers.sums, 0, q, stride);
    Product(quantised.rows(), tokens, layers.k, layers.sums, 0, k, stride);
    Product(quantised.rows(), tokens, layers.v, layers.sums, 0, v, stride);
    const int64_t headWidth = width / heads;
    for (int64_t h = 0; h < heads; ++h) {
      const int64_t at = h * headWidth;
      Attention(q + at, k + at, v + at, stride, tokens, headWidth, room.data(), mixed.data() + at, width);
    }
    for (int64_t t = 0; t < tokens; ++t) {
      Subtract(mixed.data() + t * width, layers.projectionCenter + t * width, row.data(), width);
      quantised.Quantise(row.data(), t, width);
    }
    Product(quantised.rows(), tokens, layers.projection, layers.sums, 0, result.data(), stride);
    for (int64_t t = 0; t < tokens; ++t) Add(x + t * width, result.data() + t * stride, y + t * width, width);

    for (int64_t t = 0; t < tokens; t += hiddenRows) {
      const int64_t rows = std::min(hiddenRows, tokens - t);
      float* middle = y + t * width;
      QuantiseNorm(middle, rows, layers.firstCenter + t * width);
      Product(quantised.rows(), rows, layers.first, layers.sums, t, hiddenResult.data(), hiddenStride);
      for (int64_t r = 0; r < rows; ++r) {
        Gelu(hiddenResult.data() + r * hiddenStride, row.data(), hidden);
        Subtract(row.data(), layers.secondCenter + (t + r) * hidden, row.data(), hidden);
        quantisedHidden.Quantise(row.data(), r, hidden);
      }
      Product(quantisedHidden.rows(), rows, layers.second, layers.sums, t, result.data(), stride);
      for (int64_t r = 0; r < rows; ++r) Add(middle + r * width, result.data() + r * stride, middle + r * width, width);
    }
  }

 private:
  // Rows of the perceptron at a time: its hidden layer then stays in the second cache.
  static constexpr int64_t hiddenRows = 32;

  void QuantiseNorm(const float* x, int64_t rows, const float* center) {
    for (int64_t r = 0; r < rows; ++r) {
      Standardise(x + r * width, epsilon, row.data(), width);
      Subtract(row.data(), center + r * width, row.data(), width);
      quantised.Quantise(row.data(), r, width);
    }
  }

  const Layers layers;
  const int64_t tokens, width, heads, hidden;
  const float epsilon;
  const int64_t stride, hiddenStride;
  RowQuantiser quantised, quantisedHidden;
  std::vector<float> heading, mixed, result, hiddenResult, room, row;
};

class Int8BlockOp : public OpKernel {
 public:
  explicit Int8BlockOp(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("tokens", &tokens));
    OP_REQUIRES_OK(context, context->GetAttr("heads", &heads));
    OP_REQUIRES_OK(context, context->GetAttr("hidden", &hidden));
    OP_REQUIRES_OK(context, context->GetAttr("epsilon", &epsilon));
    OP_REQUIRES_OK(context, context->GetAttr("portable", &portable));
  }

  void Compute(OpKernelContext* context) override {
    const Tensor& x = context->input(0);
    REQUIRE(x.dims() == 2 && x.dim_size(0) % tokens == 0, "x is no matrix of whole patches");
    const int64_t width = x.dim_size(1), patches = x.dim_size(0) / tokens;
    REQUIRE(width % heads == 0, "the width is no multiple of the heads");
    PackedWeight packed[6];
    for (int i = 0; i < 6; ++i) {
      const Tensor& values = context->input(1 + 2 * i);
      const Tensor& columns = context->input(2 + 2 * i);
      const int64_t in = i == 5 ? hidden : width, out = RoundUp(i == 4 ? hidden : width, panelColumns);
      REQUIRE(values.dims() == 3 && values.dim_size(0) * panelColumns == out &&
                  values.dim_size(1) == RoundUp(in, 4) / 4 && values.dim_size(2) == panelColumns &&
                  columns.NumElements() == (2 + tokens) * out,
              "a packed layer has another shape than the block");
      const float* described = columns.flat<float>().data();
      packed[i] = {reinterpret_cast<const int8_t*>(values.flat<int32_t>().data()), values.dim_size(1),
                   values.dim_size(0), described, described + out, described + 2 * out};
    }
    const float* centers[4];
    for (int i = 0; i < 4; ++i) {
      const Tensor& center = context->input(13 + i);
      REQUIRE(center.NumElements() == tokens * (i == 3 ? hidden : width), "a center has another shape than the block");
      centers[i] = center.flat<float>().data();
    }
    Tensor* y;
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &y));
    const Layers layers = {packed[0], packed[1], packed[2], packed[3], packed[4], packed[5],
                           ChooseSums(portable), centers[0], centers[1], centers[2], centers[3]};
    const float* from = x.flat<float>().data();
    float* to = y->flat<float>().data();
    const int64_t rows = tokens, hidden = this->hidden;
    auto work = [=, heads = heads, epsilon = epsilon](int64_t first, int64_t last) {
      Block block(layers, rows, width, heads, hidden, epsilon);
      for (int64_t patch = first; patch < last; ++patch) {
        block.Run(from + patch * rows * width, to + patch * rows * width);
      }
    };
    const int64_t cyclesPerPatch = rows * width * (4 * width + 2 * hidden) / 64;
    context->device()->tensorflow_cpu_worker_threads()->workers->ParallelFor(patches, cyclesPerPatch, work);
  }

 private:
  int64_t tokens, heads, hidden;
  float epsilon;
  bool portable;
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
