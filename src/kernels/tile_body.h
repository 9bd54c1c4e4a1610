/* tile_body.h: the distance loops for several rows and several queries at once; included by kernel_body.h.
 *
 * A tile of TILE_ROWS x TILE_QUERIES pairs keeps one register a pair, so that each load serves as many pairs as the tile
 * is wide. It goes over its vectors once for each register that a single sum would hold, over the stripes of that register
 * alone: every partial sum meets the same elements in the same order as there, and the bits are equal. */

enum {
    REGISTERS = STRIPES / GV_LANES,
    TILE_QUERIES = GV_TILE_QUERIES,
    TILE_PAIRS = TILE_ROWS * TILE_QUERIES
};

/* Which register a turn is about, and the levels at which sums wait for their other halves. */
#if GV_LANES == 16
static const uint8_t turns[REGISTERS] = {0, 1};
#define LEVELS 1
#elif GV_LANES == 8
static const uint8_t turns[REGISTERS] = {0, 2, 1, 3};
#define LEVELS 2
#else
static const uint8_t turns[REGISTERS] = {0, 4, 2, 6, 1, 5, 3, 7};
#define LEVELS 3
#endif

#if TILE_ROWS == 4
#define EACH_ROW(X) X(0) X(1) X(2) X(3)
#else
#define EACH_ROW(X) X(0) X(1)
#endif
#define EACH_QUERY(X, i) X(i, 0) X(i, 1) X(i, 2) X(i, 3)

#define ROW_START(i) const float *row##i = rows[i] + GV_LANES * (size_t)turns[turn];
#define ROW_ZERO(i) EACH_QUERY(PAIR_ZERO, i)
#define ROW_ADD(i)                  \
    lanes r##i = LOAD(row##i + at); \
    EACH_QUERY(PAIR_ADD, i)
#define ROW_MERGE(i) EACH_QUERY(PAIR_MERGE, i)
#define ROW_KEEP(i) EACH_QUERY(PAIR_KEEP, i)
#define ROW_FOLD(i) lanes_fold4(sum##i##0, sum##i##1, sum##i##2, sum##i##3, out + (i) * width);

#define QUERY_START(i, j) const float *query##j = queries[j] + GV_LANES * (size_t)turns[turn];
#define QUERY_LOAD(i, j) lanes q##j = LOAD(query##j + at);
#define PAIR_ZERO(i, j) lanes sum##i##j = lanes_zero();
#define PAIR_ADD(i, j) sum##i##j = lanes_add(sum##i##j, term(q##j, r##i));
#define PAIR_MERGE(i, j) sum##i##j = lanes_add(sum##i##j, waiting[level][(i) * TILE_QUERIES + (j)]);
#define PAIR_KEEP(i, j) waiting[level][(i) * TILE_QUERIES + (j)] = sum##i##j;

#define ADD_STRIPE            \
    EACH_QUERY(QUERY_LOAD, 0) \
    EACH_ROW(ROW_ADD)

/* out[i * width + j]. Registers are added by halves as in a single sum: the turns come in the order in which a counter's
 * carries would add them. */
ALWAYS_INLINE void tile_of_terms(const float *const *rows, const float *const *queries, size_t n, float *out,
                                 size_t width, term_fn term)
{
    lanes waiting[LEVELS][TILE_PAIRS];
    size_t whole = n - n % STRIPES;
    for (unsigned turn = 0; turn < REGISTERS; turn++) {
        EACH_ROW(ROW_START)
        EACH_QUERY(QUERY_START, 0)
        EACH_ROW(ROW_ZERO)
        size_t at = 0, begin = GV_LANES * (size_t)turns[turn], behind = n - whole > begin ? n - whole - begin : 0;
        size_t end = behind >= GV_LANES ? whole + STRIPES : whole; /* of what fills this register */
#define LOAD(p) lanes_load(p)
        for (; at < end; at += STRIPES) {
            ADD_STRIPE
        }
#undef LOAD
#define LOAD(p) lanes_load_part(p, behind)
        if (behind > 0 && behind < GV_LANES) {
            ADD_STRIPE
        }
#undef LOAD
        unsigned level = 0;
        for (; turn >> level & 1; level++) {
            EACH_ROW(ROW_MERGE)
        }
        if (turn + 1 < REGISTERS) {
            EACH_ROW(ROW_KEEP)
        } else {
            EACH_ROW(ROW_FOLD)
        }
    }
}

typedef void (*tile_fn)(const float *const *rows, const float *const *queries, size_t n, float *out, size_t width);

/* A tile that is not full: its last row or query again, and what that gives is dropped. */
static void edge_tile(const float *const *rows, size_t high, const float *const *queries, size_t wide, size_t n,
                      float *out, size_t width, tile_fn tile)
{
    const float *some_rows[TILE_ROWS], *some_queries[TILE_QUERIES];
    float sums[TILE_PAIRS];
    for (size_t i = 0; i < TILE_ROWS; i++) some_rows[i] = rows[i < high ? i : high - 1];
    for (size_t j = 0; j < TILE_QUERIES; j++) some_queries[j] = queries[j < wide ? j : wide - 1];
    tile(some_rows, some_queries, n, sums, TILE_QUERIES);
    for (size_t i = 0; i < high; i++)
        for (size_t j = 0; j < wide; j++) out[i * width + j] = sums[i * TILE_QUERIES + j];
}

static void all_tiles(const float *const *rows, size_t row_count, const float *const *queries, size_t query_count,
                      size_t n, float *out, tile_fn tile)
{
    for (size_t q = 0; q < query_count; q += TILE_QUERIES) {
        size_t wide = query_count - q < TILE_QUERIES ? query_count - q : TILE_QUERIES;
        for (size_t r = 0; r < row_count; r += TILE_ROWS) {
            size_t high = row_count - r < TILE_ROWS ? row_count - r : TILE_ROWS;
            float *to = out + r * query_count + q;
            if (high == TILE_ROWS && wide == TILE_QUERIES) tile(rows + r, queries + q, n, to, query_count);
            else edge_tile(rows + r, high, queries + q, wide, n, to, query_count, tile);
        }
    }
}

/* A tile is called, not copied to where whole and partial ones are due: it is large, and a call is nothing beside it. */
#define TILES_OF(name, term)                                                                                           \
    __attribute__((noinline)) static void name##_tile(const float *const *rows, const float *const *queries, size_t n, \
                                                      float *out, size_t width)                                        \
    {                                                                                                                  \
        tile_of_terms(rows, queries, n, out, width, term);                                                             \
    }                                                                                                                  \
    static void name##_many(const float *const *rows, size_t row_count, const float *const *queries,                   \
                            size_t query_count, size_t n, float *out)                                                  \
    {                                                                                                                  \
        all_tiles(rows, row_count, queries, query_count, n, out, name##_tile);                                         \
    }

TILES_OF(l2sq, squared_difference)
TILES_OF(dot, product)
TILES_OF(l1, absolute_difference)
