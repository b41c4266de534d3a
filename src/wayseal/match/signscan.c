/* Counts unequal bits of many rows and keeps the rows with fewer than a limit: the inner loop of match.signbits.
 *
 * NumPy needs three passes over each table for what one pass does (measured: half the time). Built when the package is, where
 * there is a C compiler; match.signscan does the same in NumPy where it is not. Reads and writes only what it is given.
 */
#include <stddef.h>
#include <stdint.h>

#define BLOCK 2048 /* rows a step: their sums stay in the first-level cache */
#define GROUP 32   /* rows counted together, in registers, whose lowest sum is looked at first: most groups hold none that is near */
#define AHEAD 256  /* rows: how far ahead of itself the scan asks for memory */

typedef void counter(const uint64_t *words, size_t stride, size_t tables, const uint64_t *query, size_t rows, uint64_t *sums, uint64_t *least);

/* One body, compiled for each kind of processor: the loops over rows become vector instructions where there are any. */
#define COUNT_ROWS                                                                 \
    {                                                                              \
        size_t group = 0;                                                          \
        for (; group < rows / GROUP; group++) COUNT_GROUP(GROUP)                   \
        if (rows % GROUP) COUNT_GROUP(rows % GROUP)                                \
    }
#define COUNT_GROUP(MANY)                                                          \
    {                                                                              \
        uint64_t total[GROUP] = {0}, low = UINT64_MAX;                             \
        for (size_t table = 0; table < tables; table++) {                          \
            const uint64_t *column = words + table * stride + group * GROUP;       \
            const uint64_t word = query[table];                                    \
            for (size_t row = 0; row < GROUP; row += 8) __builtin_prefetch(column + row + AHEAD); \
            for (size_t row = 0; row < MANY; row++)                                \
                total[row] += (uint64_t)__builtin_popcountll(column[row] ^ word);  \
        }                                                                          \
        for (size_t row = 0; row < MANY; row++) low = total[row] < low ? total[row] : low; \
        for (size_t row = 0; row < MANY; row++) sums[group * GROUP + row] = total[row]; \
        least[group] = low;                                                        \
    }
#define ARGUMENTS const uint64_t *words, size_t stride, size_t tables, const uint64_t *query, size_t rows, uint64_t *sums, uint64_t *least

static void count_plain(ARGUMENTS) COUNT_ROWS

#if defined(__x86_64__)
__attribute__((target("popcnt"))) static void count_popcnt(ARGUMENTS) COUNT_ROWS
__attribute__((target("avx512f,avx512bw,avx512vl,avx512vpopcntdq,prefer-vector-width=512"))) static void count_wide(ARGUMENTS) COUNT_ROWS

static counter *choose_counter(void)
{
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512vpopcntdq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw"))
        return count_wide;
    return __builtin_cpu_supports("popcnt") ? count_popcnt : count_plain;
}
#else
static counter *choose_counter(void) { return count_plain; }
#endif

/* Write the rows of [begin, end) with fewer than `limit` unequal bits, and their counts, and return how many there are.
 * `words` is (tables, stride); `near` and `counts` have room for end - begin + 1. */
size_t scan_near(const uint64_t *words, size_t stride, size_t tables, size_t begin, size_t end, const uint64_t *query,
                 uint16_t limit, int64_t *near, uint16_t *counts)
{
    counter *count = choose_counter();
    uint64_t sums[BLOCK], least[BLOCK / GROUP];
    size_t found = 0;
    for (size_t start = begin; start < end; start += BLOCK) {
        size_t rows = end - start < BLOCK ? end - start : BLOCK;
        count(words + start, stride, tables, query, rows, sums, least);
        for (size_t row = 0; row < rows; row++) {
            if (row % GROUP == 0 && least[row / GROUP] >= limit) {
                row += GROUP - 1;
                continue;
            }
            near[found] = (int64_t)(start + row); /* without a branch: always written, kept when it is near */
            counts[found] = (uint16_t)sums[row];
            found += sums[row] < limit;
        }
    }
    return found;
}
