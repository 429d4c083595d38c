// One step of AdamW in a single pass over memory, compiled into the binding (scripts/native/tfjs-node-gpu.patch).
//
// With 57 million weights a step is as fast as memory: TensorFlow's ResourceApplyAdam reads and writes 1.6 GB, and the
// passes around it (decay, gradients from bfloat16, weights to bfloat16) as much again. This does all in one.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

namespace adamw {

struct Numbers {
  float decay;  // multiplies the weights before the update
  float rate;   // with the bias correction
  float beta1;
  float beta2;
  float epsilon;
};

struct Arrays {
  float *weights;
  float *first;
  float *second;
  const void *gradient;
  bool gradient_is_bfloat16;
  uint16_t *copy;  // of the weights, in bfloat16, or nullptr
};

// The compiler makes a version for each set of instructions, and the machine chooses when it loads. None has fused
// multiply-adds, so that all give the same bits.
#if defined(__x86_64__) && defined(__linux__)
__attribute__((target_clones("avx2", "default")))
#endif
inline void
Range(const Arrays &arrays, const Numbers &numbers, size_t begin, size_t end) {
  constexpr size_t BLOCK = 1024;
  const float keep1 = 1 - numbers.beta1, keep2 = 1 - numbers.beta2;
  const Numbers n = numbers;
  uint32_t bits[BLOCK];
  float values[BLOCK];
  for (size_t start = begin; start < end; start += BLOCK) {
    const size_t count = std::min(BLOCK, end - start);
    if (arrays.gradient_is_bfloat16) {
      const uint16_t *low = static_cast<const uint16_t *>(arrays.gradient) + start;
      for (size_t i = 0; i < count; ++i) bits[i] = static_cast<uint32_t>(low[i]) << 16;
      std::memcpy(values, bits, count * sizeof(float));
    } else {
      std::memcpy(values, static_cast<const float *>(arrays.gradient) + start, count * sizeof(float));
    }
    float *__restrict w = arrays.weights + start;
    float *__restrict m = arrays.first + start;
    float *__restrict v = arrays.second + start;
    for (size_t i = 0; i < count; ++i) {
      const float g = values[i];
      m[i] += (g - m[i]) * keep1;
      v[i] += (g * g - v[i]) * keep2;
      w[i] = w[i] * n.decay - (m[i] * n.rate) / (std::sqrt(v[i]) + n.epsilon);
    }
    if (arrays.copy == nullptr) continue;
    // To the nearest, ties to even; NaN stays NaN.
    uint16_t *__restrict low = arrays.copy + start;
    std::memcpy(bits, w, count * sizeof(float));
    for (size_t i = 0; i < count; ++i) {
      const uint32_t rounded = (bits[i] + 0x7fff + ((bits[i] >> 16) & 1)) >> 16;
      low[i] = (bits[i] & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : static_cast<uint16_t>(rounded);
    }
  }
}

// All elements, on `threads` threads. Each element's result is the same on any number of them.
inline void Step(const Arrays &arrays, const Numbers &numbers, size_t length, size_t threads) {
  constexpr size_t WORTH_A_THREAD = 1 << 16;
  threads = std::max<size_t>(1, std::min(threads, length / WORTH_A_THREAD));
  std::vector<std::thread> others;
  for (size_t i = 1; i < threads; ++i) {
    others.emplace_back(Range, std::cref(arrays), std::cref(numbers), length * i / threads, length * (i + 1) / threads);
  }
  Range(arrays, numbers, 0, length / threads);
  for (std::thread &other : others) other.join();
}

}  // namespace adamw
