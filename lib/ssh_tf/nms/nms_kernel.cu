/* Greedy non-maximum suppression on a GPU.
 *
 * Boxes are ranked best first and taken 64 to a word of bits. Round by round, for as many rows (boxes as suppressors) as
 * the table of bits has room for:
 *   1. `find_suppressed`: for each row the boxes behind it that it overlaps too much, all rows at once;
 *   2. `sweep`: the rows in order; one that is still standing removes the boxes it suppresses.
 * Rows and columns that an earlier round removed are not looked at again. Nothing of size count * count is ever stored.
 */

#include "nms_kernel.h"

#include <cuda_runtime.h>

#include <algorithm>
#include <new>
#include <vector>

#include "box_iou.h"

namespace {

constexpr int WORD = 64;
constexpr int SWEEP_THREADS = 512;
constexpr uint64_t ALL = ~uint64_t{0};

/* The rows of one round: words `first` to `first + rows - 1` of the `words` there are. */
struct Round {
    int64_t first, rows, words;
};

/* Where the table holds, for one row of the round, the bits of the words from the round's first on. */
__device__ uint64_t *table_row(uint64_t *table, const Round &round, int64_t row)
{
    return table + row * (round.words - round.first);
}

/* A block has a word of rows (y) and a word of columns (x), a thread one row. The table is left unwritten where it is
 * not read: for rows removed already, and in columns removed already, where more bits make no difference. */
__global__ void find_suppressed(const float *boxes, int64_t count, double threshold, Round round,
                                const uint64_t *removed, uint64_t *table)
{
    __shared__ float columns[WORD][4];
    const int64_t row_word = round.first + blockIdx.y;
    const int64_t column_word = round.first + blockIdx.x;
    const int lane = static_cast<int>(threadIdx.x);
    if (column_word < row_word || removed[row_word] == ALL || removed[column_word] == ALL)
        return;

    const int64_t column = column_word * WORD + lane;
    if (column < count)
        for (int k = 0; k < 4; ++k)
            columns[lane][k] = boxes[4 * column + k];
    __syncthreads();

    if (removed[row_word] >> lane & 1)
        return;
    const float *row = boxes + 4 * (row_word * WORD + lane);
    const int64_t left = count - column_word * WORD;
    const int end = left < WORD ? static_cast<int>(left) : WORD;
    uint64_t bits = 0;
    for (int j = column_word == row_word ? lane + 1 : 0; j < end; ++j)
        if (box_iou(row, columns[j]) > threshold)
            bits |= uint64_t{1} << j;
    table_row(table, round, blockIdx.y * int64_t{WORD} + lane)[blockIdx.x] = bits;
}

/* One block. Within a word the rows wait for each other; for the words behind it all threads work at once. */
__global__ void sweep(Round round, uint64_t *removed, uint64_t *table)
{
    __shared__ uint64_t within[WORD];
    __shared__ uint64_t standing;
    const int lane = static_cast<int>(threadIdx.x);

    for (int64_t word = 0; word < round.rows; ++word) {
        const int64_t row = word * WORD;
        if (lane < WORD)
            within[lane] = table_row(table, round, row + lane)[word];
        __syncthreads();
        if (lane == 0) {
            uint64_t gone = removed[round.first + word];
            for (int j = 0; j < WORD; ++j)
                if (!(gone >> j & 1))
                    gone |= within[j];
            removed[round.first + word] = gone;
            standing = ~gone;
        }
        __syncthreads();
        for (int64_t behind = word + 1 + lane; behind < round.words - round.first; behind += SWEEP_THREADS) {
            uint64_t gone = removed[round.first + behind];
            for (int j = 0; j < WORD && gone != ALL; ++j)
                if (standing >> j & 1)
                    gone |= table_row(table, round, row + j)[behind];
            removed[round.first + behind] = gone;
        }
        __syncthreads();
    }
}

struct CudaError {
    cudaError_t code;
};

void check(cudaError_t code)
{
    if (code != cudaSuccess)
        throw CudaError{code};
}

template <typename Value> class DeviceArray {
  public:
    explicit DeviceArray(size_t size) : size_(size)
    {
        check(cudaMalloc(reinterpret_cast<void **>(&data_), size * sizeof(Value)));
    }
    ~DeviceArray() { cudaFree(data_); }
    DeviceArray(const DeviceArray &) = delete;
    DeviceArray &operator=(const DeviceArray &) = delete;

    void upload(const Value *host) { check(cudaMemcpy(data_, host, size_ * sizeof(Value), cudaMemcpyHostToDevice)); }
    void download(Value *host) const
    {
        check(cudaMemcpy(host, data_, size_ * sizeof(Value), cudaMemcpyDeviceToHost));
    }
    Value *data() const { return data_; }

  private:
    Value *data_ = nullptr;
    size_t size_;
};

template <typename... Parameters, typename... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, Arguments... arguments)
{
    cudaLaunchConfig_t config = {};
    config.gridDim = grid;
    config.blockDim = block;
    check(cudaLaunchKernelEx(&config, kernel, arguments...));
}

void suppress(const float *ranked, int64_t count, double threshold, size_t mask_bytes, unsigned char *survives)
{
    const int64_t words = (count + WORD - 1) / WORD;
    const int64_t bytes_per_word = words * WORD * static_cast<int64_t>(sizeof(uint64_t));
    // 65535 is the most blocks that a grid's second axis takes.
    const int64_t most_rows = std::min<int64_t>(
        {words, 65535, std::max<int64_t>(1, static_cast<int64_t>(mask_bytes) / bytes_per_word)});

    std::vector<uint64_t> gone(words, 0);
    if (count % WORD)
        gone.back() = ALL << count % WORD;  // The places behind the last box are no boxes.

    DeviceArray<float> boxes(4 * count);
    DeviceArray<uint64_t> removed(words);
    DeviceArray<uint64_t> table(most_rows * WORD * words);
    boxes.upload(ranked);
    removed.upload(gone.data());
    for (int64_t first = 0; first < words; first += most_rows) {
        const Round round = {first, std::min(most_rows, words - first), words};
        const dim3 grid(static_cast<unsigned>(words - first), static_cast<unsigned>(round.rows));
        launch(find_suppressed, grid, dim3(WORD), boxes.data(), count, threshold, round, removed.data(), table.data());
        launch(sweep, dim3(1), dim3(SWEEP_THREADS), round, removed.data(), table.data());
    }
    // Waits for the kernels; an error inside one is told here.
    removed.download(gone.data());
    for (int64_t i = 0; i < count; ++i)
        survives[i] = !(gone[i / WORD] >> i % WORD & 1);
}

}  // namespace

int nms_device_count(void)
{
    int count = 0;
    if (cudaGetDeviceCount(&count) == cudaSuccess)
        return count;
    cudaGetLastError();  // Not having one is no error.
    return 0;
}

const char *nms_on_device(const float *ranked, int64_t count, double threshold, size_t mask_bytes,
                          unsigned char *survives)
{
    try {
        if (count > 0)
            suppress(ranked, count, threshold, mask_bytes, survives);
        return nullptr;
    } catch (const CudaError &error) {
        // Also forgets the error, so that the next call does not report it once more.
        cudaGetLastError();
        return cudaGetErrorString(error.code);
    } catch (const std::bad_alloc &) {
        return "out of host memory";
    }
}
