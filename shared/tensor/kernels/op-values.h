// Shared parts of ops on tensors of float or bfloat16: check of inputs, conversion to floats and back, registration.
#pragma once

#include <cstdint>
#include <type_traits>

#include "row-arithmetic.h"
#include "tensorflow/core/framework/op_kernel.h"

// Ends Compute with INVALID_ARGUMENT unless the condition holds.
#define REQUIRE(condition, message) OP_REQUIRES(context, condition, tensorflow::errors::InvalidArgument(message))

// Registers an op's kernels of float and bfloat16 on processors.
#define REGISTER(name, kernel)                                                                                       \
  REGISTER_KERNEL_BUILDER(Name(name).Device("CPU").TypeConstraint<float>("T"), kernel<float>);                        \
  REGISTER_KERNEL_BUILDER(Name(name).Device("CPU").TypeConstraint<tensorflow::bfloat16>("T"),                         \
                          kernel<tensorflow::bfloat16>)

namespace hyperswap {
namespace {

// Returns `count` values as floats: the tensor's own, or copies widened into `room`.
template <typename T>
INLINE const float* Read(const T* values, float* room, int64_t count) {
  if constexpr (std::is_same_v<T, float>) return values;
  else {
    Widen(reinterpret_cast<const uint16_t*>(values), room, count);
    return room;
  }
}

// Returns where to write floats that `Written` then stores in `values`.
template <typename T>
INLINE float* Writable(T* values, float* room) {
  if constexpr (std::is_same_v<T, float>) return values;
  else return room;
}

template <typename T>
INLINE void Written(T* values, const float* room, int64_t count) {
  if constexpr (!std::is_same_v<T, float>) Round(room, reinterpret_cast<uint16_t*>(values), count);
}

}  // namespace
}  // namespace hyperswap
