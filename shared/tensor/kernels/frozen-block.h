// A frozen transformer block as one op. Each patch passes through the whole block in the cache of one processor core;
// only the block's input and output are in memory. Norms, softmax, GELU, attention and the residual path are float.
//
// `Rows` is the arithmetic of the layers: it holds the rows that go into a layer in the layer's number format.
//   typename Rows::Weight                                  a layer [in, out] with its bias
//   Rows(rows, width)                                      memory for rows of at most that width
//   void Put(x, row, weight, token)                        rounds a row of floats; x may be changed
//   void Multiply(weight, rows, token, to, stride)         writes rows · weight + bias; the first row is that of `token`
#pragma once

#include <algorithm>
#include <vector>

#include "attention.h"
#include "op-values.h"
#include "packed-panels.h"
#include "row-arithmetic.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"

// Begins the registration of a block's op: its packed layers and shape. Inputs of a number format follow.
#define REGISTER_BLOCK_OP(name)                                                                                      \
  REGISTER_OP(name)                                                                                                  \
      .Input("x: float")                                                                                             \
      .Input("q: int32").Input("q_columns: float").Input("k: int32").Input("k_columns: float")                       \
      .Input("v: int32").Input("v_columns: float").Input("projection: int32").Input("projection_columns: float")     \
      .Input("first: int32").Input("first_columns: float").Input("second: int32").Input("second_columns: float")     \
      .Output("y: float")                                                                                            \
      .Attr("tokens: int").Attr("heads: int").Attr("hidden: int").Attr("epsilon: float").Attr("portable: bool")      \
      .SetShapeFn(tensorflow::shape_inference::UnknownShape)

namespace hyperswap {
namespace {

template <class Weight>
struct BlockLayers {
  Weight q, k, v, projection, first, second;
};

struct BlockShape {
  int64_t tokens, width, heads, hidden;
  float epsilon;
};

// One thread's memory for patches of one shape.
template <class Rows>
class Block {
 public:
  using Weight = typename Rows::Weight;

  Block(const BlockLayers<Weight>& layers, const BlockShape& shape)
      : layers(layers), shape(shape), stride(RoundUp(shape.width, panelColumns)),
        hiddenStride(RoundUp(shape.hidden, panelColumns)), inputs(shape.tokens, shape.width),
        hiddenInputs(hiddenRows, shape.hidden), heading(3 * shape.tokens * stride), mixed(shape.tokens * shape.width),
        result(shape.tokens * stride), hiddenResult(hiddenRows * hiddenStride),
        room(shape.tokens * (shape.tokens + shape.width / shape.heads)), row(std::max(shape.width, shape.hidden)) {}

  // Runs the block on one patch: x and y are [tokens, width].
  void Run(const float* x, float* y) {
    const int64_t tokens = shape.tokens, width = shape.width, headWidth = width / shape.heads;
    PutNorm(x, tokens, layers.q, 0);
    float *q = heading.data(), *k = q + tokens * stride, *v = k + tokens * stride;
    inputs.Multiply(layers.q, tokens, 0, q, stride);
    inputs.Multiply(layers.k, tokens, 0, k, stride);
    inputs.Multiply(layers.v, tokens, 0, v, stride);
    for (int64_t at = 0; at < width; at += headWidth) {
      Attention(q + at, k + at, v + at, stride, tokens, headWidth, room.data(), mixed.data() + at, width);
    }
    for (int64_t t = 0; t < tokens; ++t) inputs.Put(mixed.data() + t * width, t, layers.projection, t);
    inputs.Multiply(layers.projection, tokens, 0, result.data(), stride);
    for (int64_t t = 0; t < tokens; ++t) Add(x + t * width, result.data() + t * stride, y + t * width, width);

    for (int64_t t = 0; t < tokens; t += hiddenRows) {
      const int64_t rows = std::min(hiddenRows, tokens - t);
      float* middle = y + t * width;
      PutNorm(middle, rows, layers.first, t);
      inputs.Multiply(layers.first, rows, t, hiddenResult.data(), hiddenStride);
      for (int64_t r = 0; r < rows; ++r) {
        Gelu(hiddenResult.data() + r * hiddenStride, row.data(), shape.hidden);
        hiddenInputs.Put(row.data(), r, layers.second, t + r);
      }
      hiddenInputs.Multiply(layers.second, rows, t, result.data(), stride);
      for (int64_t r = 0; r < rows; ++r) Add(middle + r * width, result.data() + r * stride, middle + r * width, width);
    }
  }

 private:
  // Rows of the perceptron at a time: its hidden layer then stays in the second cache.
  static constexpr int64_t hiddenRows = 32;

  void PutNorm(const float* x, int64_t rows, const Weight& layer, int64_t token) {
    for (int64_t r = 0; r < rows; ++r) {
      Standardise(x + r * shape.width, shape.epsilon, row.data(), shape.width);
      inputs.Put(row.data(), r, layer, token + r);
    }
  }

  const BlockLayers<Weight> layers;
  const BlockShape shape;
  const int64_t stride, hiddenStride;
  Rows inputs, hiddenInputs;
  std::vector<float> heading, mixed, result, hiddenResult, room, row;
};

// The op. A subclass reads the layers from its inputs.
template <class Rows>
class BlockOp : public tensorflow::OpKernel {
 public:
  using Weight = typename Rows::Weight;

  explicit BlockOp(tensorflow::OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("tokens", &tokens));
    OP_REQUIRES_OK(context, context->GetAttr("heads", &heads));
    OP_REQUIRES_OK(context, context->GetAttr("hidden", &hidden));
    OP_REQUIRES_OK(context, context->GetAttr("epsilon", &epsilon));
    OP_REQUIRES_OK(context, context->GetAttr("portable", &portable));
  }

  void Compute(tensorflow::OpKernelContext* context) override {
    const tensorflow::Tensor& x = context->input(0);
    REQUIRE(x.dims() == 2 && x.dim_size(0) % tokens == 0, "x is no matrix of whole patches");
    const int64_t width = x.dim_size(1), patches = x.dim_size(0) / tokens;
    REQUIRE(width % heads == 0, "the width is no multiple of the heads");
    Weight weights[6];
    for (int i = 0; i < 6; ++i) {
      const int64_t in = i == 5 ? hidden : width, out = i == 4 ? hidden : width;
      REQUIRE(ReadLayer(context, i, in, RoundUp(out, panelColumns), &weights[i]),
              "a packed layer has another shape than the block");
    }
    tensorflow::Tensor* y;
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &y));
    const BlockLayers<Weight> layers = {weights[0], weights[1], weights[2], weights[3], weights[4], weights[5]};
    const BlockShape shape = {tokens, width, heads, hidden, epsilon};
    const float* from = x.flat<float>().data();
    float* to = y->flat<float>().data();
    auto work = [=](int64_t first, int64_t last) {
      Block<Rows> block(layers, shape);
      const int64_t size = shape.tokens * shape.width;
      for (int64_t patch = first; patch < last; ++patch) block.Run(from + patch * size, to + patch * size);
    };
    const int64_t cyclesPerPatch = tokens * width * (4 * width + 2 * hidden) / 64;
    context->device()->tensorflow_cpu_worker_threads()->workers->ParallelFor(patches, cyclesPerPatch, work);
  }

 protected:
  // Reads layer `index` of q, k, v, projection, first and second. Returns false if its shape is not [in, columns].
  virtual bool ReadLayer(tensorflow::OpKernelContext* context, int index, int64_t in, int64_t columns, Weight* layer) = 0;

  int64_t tokens, heads, hidden;
  float epsilon;
  bool portable;
};

}  // namespace
}  // namespace hyperswap
