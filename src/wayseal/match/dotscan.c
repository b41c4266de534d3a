/* Compares every row of a matrix with queries and keeps the best rows of each: the inner loop of match.index.
 *
 * NumPy writes every score to memory and reads it again to choose (measured: half the time of a batch). Here a tile of scores
 * stays in registers, and only those above a query's floor leave it. Built when the package is, where there is a C compiler;
 * match.dotscan does the same in NumPy where it is not. Reads and writes only what it is given.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define AHEAD 1024        /* floats: how far ahead of itself a single scan asks for memory */
#define BLOCK (192 << 10) /* bytes of rows that several tiles of queries go over while they are in the second-level cache */

typedef float wide16 __attribute__((vector_size(64), aligned(4), may_alias));
typedef float wide8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef float wide4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef int32_t mask16 __attribute__((vector_size(64)));
typedef int32_t mask8 __attribute__((vector_size(32)));
typedef int32_t mask4 __attribute__((vector_size(16)));

/* The best rows of one query so far are a heap whose root is the worst of them: its score is the floor to beat. */
static void replace_worst(float *scores, int64_t *found, size_t wanted, float score, int64_t row)
{
    size_t place = 0;
    for (size_t child = 1; child < wanted; child = 2 * place + 1) {
        if (child + 1 < wanted && scores[child + 1] < scores[child]) child++;
        if (scores[child] >= score) break;
        scores[place] = scores[child];
        found[place] = found[child];
        place = child;
    }
    scores[place] = score;
    found[place] = row;
}

/* Rows [begin, end) against the queries of one tile. `floors` has one score a query of the tile. */
typedef void scanner(const float *rows, size_t begin, size_t end, size_t dimension, const float *queries, size_t wanted,
                     float *floors, float *scores, int64_t *found);
#define ARGUMENTS const float *rows, size_t begin, size_t end, size_t dimension, const float *queries, size_t wanted, \
                  float *floors, float *scores, int64_t *found

/* One body, compiled for each width of vectors. One query: four sums, so that additions need not wait for each other. */
#define SCAN_ONE(WIDTH)                                                                                    \
    {                                                                                                      \
        for (size_t row = begin; row < end; row++) {                                                       \
            const float *values = rows + row * dimension;                                                  \
            wide##WIDTH sums[4] = {{0}};                                                                   \
            float score = 0, lanes[WIDTH];                                                                 \
            size_t d = 0;                                                                                  \
            for (; d + 4 * WIDTH <= dimension; d += 4 * WIDTH) {                                           \
                for (size_t i = 0; i < 4 * WIDTH; i += 16) __builtin_prefetch(values + d + i + AHEAD);     \
                for (size_t i = 0; i < 4; i++)                                                             \
                    sums[i] += *(const wide##WIDTH *)(values + d + i * WIDTH) *                            \
                               *(const wide##WIDTH *)(queries + d + i * WIDTH);                            \
            }                                                                                              \
            sums[0] = (sums[0] + sums[1]) + (sums[2] + sums[3]);                                           \
            memcpy(lanes, &sums[0], sizeof lanes);                                                         \
            for (size_t i = 0; i < WIDTH; i++) score += lanes[i];                                          \
            for (; d < dimension; d++) score += values[d] * queries[d];                                    \
            if (score > floors[0]) {                                                                       \
                replace_worst(scores, found, wanted, score, (int64_t)row);                                 \
                floors[0] = scores[0];                                                                     \
            }                                                                                              \
        }                                                                                                  \
    }

/* PARTS * WIDTH queries, laid out (dimension, PARTS * WIDTH), one lane each; ROWS rows at a time, the last ones one by one. */
#define SCAN_TILE(WIDTH, PARTS, ROWS)                                                                      \
    {                                                                                                      \
        size_t row = begin;                                                                                \
        for (; row + ROWS <= end; row += ROWS) SCAN_ROWS(WIDTH, PARTS, ROWS)                               \
        for (; row < end; row++) SCAN_ROWS(WIDTH, PARTS, 1)                                                \
    }
#define SCAN_ROWS(WIDTH, PARTS, ROWS)                                                                      \
    {                                                                                                      \
        const float *values = rows + row * dimension;                                                      \
        wide##WIDTH sums[ROWS][PARTS] = {{{0}}};                                                           \
        mask##WIDTH above = {0};                                                                           \
        int32_t lanes[WIDTH], any = 0;                                                                     \
        for (size_t d = 0; d < dimension; d++)                                                             \
            for (size_t i = 0; i < ROWS; i++) {                                                            \
                float value = values[i * dimension + d];                                                   \
                for (size_t p = 0; p < PARTS; p++)                                                         \
                    sums[i][p] += *(const wide##WIDTH *)(queries + (d * PARTS + p) * WIDTH) * value;       \
            }                                                                                              \
        for (size_t i = 0; i < ROWS; i++)                                                                  \
            for (size_t p = 0; p < PARTS; p++) above |= sums[i][p] > *(const wide##WIDTH *)(floors + p * WIDTH); \
        memcpy(lanes, &above, sizeof lanes);                                                               \
        for (size_t i = 0; i < WIDTH; i++) any |= lanes[i];                                                \
        if (any) keep_above((const float *)sums, PARTS * WIDTH, ROWS, row, wanted, floors, scores, found); \
    }

/* Keep what is above its query's floor in a tile of (rows, queries) scores. */
static void keep_above(const float *tile, size_t queries, size_t rows, size_t first, size_t wanted, float *floors,
                       float *scores, int64_t *found)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < queries; j++)
            if (tile[i * queries + j] > floors[j]) {
                replace_worst(scores + j * wanted, found + j * wanted, wanted, tile[i * queries + j], (int64_t)(first + i));
                floors[j] = scores[j * wanted];
            }
}

static void one_4(ARGUMENTS) SCAN_ONE(4)
static void half_4(ARGUMENTS) SCAN_TILE(4, 1, 6)
static void full_4(ARGUMENTS) SCAN_TILE(4, 2, 4)
#if defined(__x86_64__)
#define FOR_8 __attribute__((target("avx2,fma")))
#define FOR_16 __attribute__((target("avx512f,avx512dq,avx512vl,fma,prefer-vector-width=512")))
FOR_8 static void one_8(ARGUMENTS) SCAN_ONE(8)
FOR_8 static void half_8(ARGUMENTS) SCAN_TILE(8, 1, 8)
FOR_8 static void full_8(ARGUMENTS) SCAN_TILE(8, 2, 6)
FOR_16 static void half_16(ARGUMENTS) SCAN_TILE(16, 1, 12)
FOR_16 static void full_16(ARGUMENTS) SCAN_TILE(16, 2, 12)
#endif

/* The widest vectors of this processor, in floats. */
size_t dot_width(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) return 16;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 8;
#endif
    return 4;
}

static scanner *choose_scanner(size_t width, size_t lanes)
{
#if defined(__x86_64__)
    if (width == 16) return lanes == 1 ? one_8 : lanes == 16 ? half_16 : full_16;
    if (width == 8) return lanes == 1 ? one_8 : lanes == 8 ? half_8 : full_8;
#else
    (void)width;
#endif
    return lanes == 1 ? one_4 : lanes == 4 ? half_4 : full_4;
}

/* Keep each query's `wanted` best of `count` rows in `scores` and `found`, both (tiles * lanes, wanted), scores at -inf before.
 * `queries` is (tiles, dimension, lanes) with lanes 1, width or 2 * width; `floors` (tiles * lanes): +inf for a lane without a
 * query, else -inf. `width` is at most dot_width(). */
void scan_best(size_t width, size_t lanes, const float *rows, size_t count, size_t dimension, const float *queries,
               size_t tiles, size_t wanted, float *floors, float *scores, int64_t *found)
{
    scanner *scan = choose_scanner(width, lanes);
    size_t block = tiles > 1 ? BLOCK / (dimension * sizeof(float)) / 24 * 24 : count;
    if (block == 0) block = 24;
    for (size_t begin = 0; begin < count; begin += block) {
        size_t end = count - begin < block ? count : begin + block;
        for (size_t tile = 0; tile < tiles; tile++) {
            size_t first = tile * lanes;
            scan(rows, begin, end, dimension, queries + first * dimension, wanted, floors + first, scores + first * wanted,
                 found + first * wanted);
        }
    }
}
