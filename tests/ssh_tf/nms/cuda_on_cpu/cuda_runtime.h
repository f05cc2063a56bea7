/* As much of the CUDA runtime as nms_kernel.cu uses, on the CPU, so that its kernels can be run without a GPU.
 *
 * Blocks run one after the other. The threads of a block are fibres: each runs up to the next __syncthreads, in an order
 * drawn anew every time, so that a missing barrier or an order taken for granted shows as a wrong result. Fresh device
 * memory holds 0xA5, so that reading what was never written shows too.
 */
#pragma once

#include <ucontext.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <numeric>
#include <random>
#include <vector>

#define __global__ static
#define __device__ static
#define __shared__ static

enum cudaError_t { cudaSuccess = 0, cudaErrorMemoryAllocation = 2 };
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost };

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
struct cudaLaunchConfig_t {
    dim3 gridDim, blockDim;
};

namespace emulator {

struct Fibre {
    ucontext_t context;
    std::vector<char> stack = std::vector<char>(64 << 10);
    bool done = false;
};

inline std::mt19937 random;
inline ucontext_t scheduler;
inline std::vector<Fibre> fibres;
inline std::function<void()> body;
inline unsigned current;
inline int allocations_left = -1;  // Negative: no limit.
inline int allocations_alive = 0;

inline void run_fibre()
{
    body();
    fibres[current].done = true;
    swapcontext(&fibres[current].context, &scheduler);
}

}  // namespace emulator

inline dim3 blockIdx, threadIdx;

inline void __syncthreads()
{
    const unsigned self = emulator::current;
    swapcontext(&emulator::fibres[self].context, &emulator::scheduler);
}

template <typename... Parameters, typename... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t *config, void (*kernel)(Parameters...), Arguments... arguments)
{
    using namespace emulator;
    const unsigned threads = config->blockDim.x;
    std::vector<unsigned> order(threads);
    std::iota(order.begin(), order.end(), 0u);
    body = [=] { kernel(arguments...); };
    for (unsigned y = 0; y < config->gridDim.y; ++y)
        for (unsigned x = 0; x < config->gridDim.x; ++x) {
            blockIdx = dim3(x, y);
            fibres.resize(std::max<size_t>(fibres.size(), threads));
            for (unsigned i = 0; i < threads; ++i) {
                Fibre &fibre = fibres[i];
                fibre.done = false;
                getcontext(&fibre.context);
                fibre.context.uc_stack.ss_sp = fibre.stack.data();
                fibre.context.uc_stack.ss_size = fibre.stack.size();
                fibre.context.uc_link = nullptr;
                makecontext(&fibre.context, run_fibre, 0);
            }
            for (bool running = true; running;) {
                running = false;
                std::shuffle(order.begin(), order.end(), emulator::random);
                for (unsigned i : order)
                    if (!fibres[i].done) {
                        current = i;
                        threadIdx = dim3(i);
                        swapcontext(&scheduler, &fibres[i].context);
                        running = true;
                    }
            }
        }
    return cudaSuccess;
}

inline cudaError_t cudaMalloc(void **data, size_t bytes)
{
    if (emulator::allocations_left == 0)
        return cudaErrorMemoryAllocation;
    --emulator::allocations_left;
    ++emulator::allocations_alive;
    *data = std::malloc(bytes);
    std::memset(*data, 0xA5, bytes);
    return cudaSuccess;
}

inline cudaError_t cudaFree(void *data)
{
    if (data)
        --emulator::allocations_alive;
    std::free(data);
    return cudaSuccess;
}

inline cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, cudaMemcpyKind)
{
    std::memcpy(to, from, bytes);
    return cudaSuccess;
}

inline cudaError_t cudaGetDeviceCount(int *count)
{
    *count = 1;
    return cudaSuccess;
}

inline cudaError_t cudaGetLastError() { return cudaSuccess; }

inline const char *cudaGetErrorString(cudaError_t) { return "out of memory"; }

extern "C" inline __attribute__((used)) void limit_allocations(int count) { emulator::allocations_left = count; }
extern "C" inline __attribute__((used)) int allocations_alive() { return emulator::allocations_alive; }
