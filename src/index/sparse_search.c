/* sparse_search.c: the nearest sparse rows, term at a time: the lists of the query's indices, those that can add most first, until no
 * row that has not come up can be among the best (Buckley & Lewit, SIGIR 1985); then the rows that still can be are measured exactly. What
 * the lists give are f32 sums in any order: bounds, with all that rounding may do to them. */
#include "index/sparse.h"
#include <stdlib.h>
#include <string.h>

enum {
    MEASURE_COST = 512, /* measuring a row costs as much as so many entries of a list */
    BLOCK = 64          /* slots: those of a word of a bitset */
};

#define SMALLEST 1e-40 /* below it f32 sums have few digits */
#define GREATEST 1e37  /* above it they may overflow */
#define BEYOND 1e38    /* what no sum reaches, and f32 can say */

struct GV_SparseScratch {
    GV_SparseScratch *next;
    size_t block_capacity, term_capacity, hit_capacity, bytes;
    GV_Hit *best;       /* [hit_capacity] */
    struct Term *terms; /* [term_capacity] */
    float *partial;     /* [block_capacity * BLOCK]: sums so far; 0 between searches, as `marks` */
    uint8_t *marks;     /* [block_capacity]: blocks with sums */
};

typedef struct Term { /* an index of the query that some row has */
    const GV_SparseList *list;
    float value;
    double most; /* that it can add, by magnitude */
} Term;

typedef struct Walk {
    const GV_Sparse *sparse;
    const GV_SparseQuery *query;
    GV_SparseScratch *room;
    GV_TopK *top;
    GV_SparseFound *found;
    size_t term_count, block_count;
    size_t entries; /* of the lists that are left */
    double rest;    /* all that they can add to a row, or take from it */
    double hope;    /* not before that has fallen below this can the other lists be left out */
    double bound;   /* of a bounded query: what the sum of a row within the radius is, at least */
    double ceiling; /* by COSINE: all rows whose sums are above have distance 0, all below its negative 2 */
    double slack;   /* what rounding can have done to a sum, and to the distances that hits are ordered by */
} Walk;

/* ---- room to work in ---- */

static GV_SparseScratch *new_scratch(GV_Heap *heap, size_t blocks, size_t terms, size_t hits)
{
    size_t bytes = sizeof(GV_SparseScratch) + hits * sizeof(GV_Hit) + terms * sizeof(Term) + blocks;
    bytes += blocks * BLOCK * sizeof(float);
    GV_SparseScratch *room = gv_alloc(heap, bytes);
    if (!room) return NULL;
    room->block_capacity = blocks;
    room->term_capacity = terms;
    room->hit_capacity = hits;
    room->bytes = bytes;
    room->best = (GV_Hit *)(room + 1);
    room->terms = (Term *)(room->best + hits);
    room->partial = (float *)(room->terms + terms);
    room->marks = (uint8_t *)(room->partial + blocks * BLOCK);
    return room;
}

void gv_sparse_scratch_free(GV_Sparse *s, GV_SparseScratch *room)
{
    while (room) {
        GV_SparseScratch *next = room->next;
        gv_release(s->head.scratch_heap, room, room->bytes);
        room = next;
    }
}

static GV_SparseScratch *take_scratch(GV_Sparse *s, size_t blocks, size_t terms, size_t hits)
{
    gv_mutex_lock(&s->mutex);
    GV_SparseScratch *room = s->resting;
    if (room) s->resting = room->next;
    gv_mutex_unlock(&s->mutex);
    bool fits = room && room->block_capacity >= blocks && room->term_capacity >= terms && room->hit_capacity >= hits;
    if (fits) return room;
    if (room) gv_release(s->head.scratch_heap, room, room->bytes);
    return new_scratch(s->head.scratch_heap, blocks + blocks / 4, terms < 64 ? 64 : terms, hits < 64 ? 64 : hits);
}

static void give_scratch(GV_Sparse *s, GV_SparseScratch *room)
{
    gv_mutex_lock(&s->mutex);
    room->next = s->resting;
    s->resting = room;
    gv_mutex_unlock(&s->mutex);
}

/* ---- exactly ---- */

static void measure(const GV_Table *table, const GV_SparseQuery *query, uint32_t slot, GV_TopK *top,
                    GV_SparseFound *found)
{
    float distance = gv_sparse_distance(query->distance, &query->row, query->squared_norm, table, slot);
    if ((double)distance > query->radius) return;
    found->total++;
    if (!gv_topk_refuses(top, distance)) gv_topk_offer(top, distance, gv_table_id(table, slot));
}

/* The accepted rows that are not in the lists; or all. */
static void look_at_rows(const GV_Sparse *s, const GV_SparseQuery *query, bool all, GV_TopK *top, GV_SparseFound *found)
{
    const GV_Table *table = s->head.table;
    size_t end = table->slot_count;
    for (size_t at = 0; at < query->accept->word_count && at * 64 < end; at++) {
        uint64_t rest = query->accept->words[at];
        if (!all && at < s->indexed.word_count) rest &= ~s->indexed.words[at];
        for (; rest; rest &= rest - 1, found->looked_at++)
            measure(table, query, (uint32_t)(at * 64) + (uint32_t)__builtin_ctzll(rest), top, found);
    }
}

/* ---- by lists ---- */

static int compare_terms(const void *a, const void *b)
{
    const Term *x = a, *y = b;
    if (x->most != y->most) return x->most > y->most ? -1 : 1;
    return (x->list->index > y->list->index) - (x->list->index < y->list->index);
}

static void find_terms(Walk *w)
{
    const GV_SparseRow *row = &w->query->row;
    for (size_t i = 0; i < row->count; i++) {
        const GV_SparseList *list = gv_sparse_list(w->sparse, row->indices[i]);
        if (!list || list->count == 0 || row->values[i] == 0.0f) continue;
        double most = fabs((double)row->values[i]) * (double)list->greatest;
        w->room->terms[w->term_count++] = (Term){list, row->values[i], most};
        w->entries += list->count;
        w->rest += most;
    }
    qsort(w->room->terms, w->term_count, sizeof(Term), compare_terms);
    w->slack = w->rest * (double)(w->term_count + 8) * 0x1p-22 + SMALLEST;
    w->ceiling = INFINITY;
    w->bound = -w->query->radius;
    if (w->query->distance == GV_DISTANCE_COSINE) {
        w->ceiling = sqrt((double)w->query->squared_norm);
        w->bound = w->ceiling * (1.0 - w->query->radius);
        w->slack += w->ceiling * 0x1p-21;
    }
    if (w->bound > BEYOND) w->bound = BEYOND;
    if (w->bound < -BEYOND) w->bound = -BEYOND;
}

static void add_list(Walk *w, const Term *term)
{
    float *partial = w->room->partial, by = term->value;
    uint8_t *marks = w->room->marks;
    const uint32_t *slots = term->list->slots;
    const float *values = gv_list_values(term->list);
    size_t count = term->list->count;
    if (count / 4 > w->block_count) { /* most blocks come up: all are marked, and a store saved for each entry */
        memset(marks, 1, w->block_count);
        for (size_t i = 0; i < count; i++) partial[slots[i]] += by * values[i];
    } else {
        for (size_t i = 0; i < count; i++) {
            partial[slots[i]] += by * values[i];
            marks[slots[i] / BLOCK] = 1;
        }
    }
    w->entries -= term->list->count;
    w->rest -= term->most;
}

/* Rows of a block that may be hits: they are accepted, and wholly in the lists. */
static uint64_t choices_of(const Walk *w, size_t block)
{
    const GV_Bitset *accept = w->query->accept, *indexed = &w->sparse->indexed;
    if (block >= accept->word_count || block >= indexed->word_count) return 0;
    return accept->words[block] & indexed->words[block];
}

/* How many sums of a block reach `least`: this, without a branch, is all that most blocks are asked. */
static uint32_t count_sums(const float *partial, float least)
{
    uint32_t count = 0;
    for (size_t i = 0; i < BLOCK; i++) count += partial[i] >= least;
    return count;
}

/* The k-th greatest sum of a row that may be a hit; -INFINITY: there are fewer in the blocks that have come up. */
static double kth_sum(const Walk *w)
{
    GV_TopK best = {.hits = w->room->best, .k = w->top->k}; /* nearer is greater: by sums negated, of slots */
    for (size_t block = 0; block < w->block_count; block++) {
        const float *partial = w->room->partial + block * BLOCK;
        bool is_full = best.count == best.k;
        if (!w->room->marks[block] || (is_full && count_sums(partial, -best.hits[0].distance) == 0)) continue;
        for (uint64_t rest = choices_of(w, block); rest; rest &= rest - 1) {
            uint64_t at = (uint64_t)__builtin_ctzll(rest);
            if (!gv_topk_refuses(&best, -partial[at])) gv_topk_offer(&best, -partial[at], block * BLOCK + at);
        }
    }
    return best.count == best.k ? (double)-best.hits[0].distance : -INFINITY;
}

/* As f32, and not above it. */
static float round_down(double least) { return nextafterf((float)least, -INFINITY); }

/* Can the lists that are left be left out? If no row outside the blocks that have come up can be a hit, and few rows in them. `*least`
 * is what the sum of a hit must be. */
static bool is_done(Walk *w, float *least)
{
    size_t possible = 0;
    double kth = w->query->bounded ? w->bound : kth_sum(w);
    w->hope = (kth + w->rest) / 3.0; /* `kth` grows by no more than `rest` falls */
    if (kth > w->ceiling) kth = w->ceiling;
    *least = kth > -w->ceiling ? round_down(kth - 2.0 * w->rest - 2.0 * w->slack) : -INFINITY;
    if (w->entries == 0) return true;
    if (*least <= 0.0f) return false; /* a row of these lists alone could be as near */
    for (size_t block = 0; block < w->block_count; block++)
        if (w->room->marks[block]) possible += count_sums(w->room->partial + block * BLOCK, *least);
    w->hope = 0.7 * w->rest; /* not again for a little */
    return possible * MEASURE_COST < w->entries;
}

/* What lies in blocks that have not come up has no index of the query: all of it is equally far. */
static void offer_others(const Walk *w, size_t block)
{
    float distance = gv_rank_of_sum(w->query->distance, 0.0f, 1.0f, 1.0f);
    uint64_t rest = choices_of(w, block);
    if ((double)distance > w->query->radius) return;
    w->found->total += (uint64_t)__builtin_popcountll(rest);
    for (; rest && !gv_topk_refuses(w->top, distance); rest &= rest - 1) {
        uint32_t slot = (uint32_t)(block * BLOCK) + (uint32_t)__builtin_ctzll(rest);
        gv_topk_offer(w->top, distance, gv_table_id(w->sparse->head.table, slot));
    }
}

static void offer_block(const Walk *w, size_t block, float least)
{
    const float *partial = w->room->partial + block * BLOCK;
    if (count_sums(partial, least) == 0) return;
    for (uint64_t rest = choices_of(w, block); rest; rest &= rest - 1) {
        uint32_t at = (uint32_t)__builtin_ctzll(rest);
        if (partial[at] < least) continue;
        measure(w->sparse->head.table, w->query, (uint32_t)(block * BLOCK) + at, w->top, w->found);
    }
}

static void walk_lists(Walk *w)
{
    GV_SparseScratch *room = w->room;
    float least = -INFINITY;
    w->hope = INFINITY;
    for (size_t i = 0; i < w->term_count; i++) {
        if (i > 0 && w->rest < w->hope && w->entries > w->block_count * (BLOCK / 4) && is_done(w, &least)) break;
        add_list(w, &room->terms[i]);
    }
    if (w->entries == 0) (void)is_done(w, &least);
    for (size_t block = 0; block < w->block_count; block++) {
        if (room->marks[block]) offer_block(w, block, least);
        else if (least <= 0.0f) offer_others(w, block);
    }
    for (size_t block = 0; block < w->block_count; block++) {
        if (room->marks[block]) memset(room->partial + block * BLOCK, 0, BLOCK * sizeof *room->partial);
        room->marks[block] = 0;
    }
}

/* The lists say nothing of distances by another metric, nor from a query that is as far from all rows. */
static GV_Way way_of(const GV_Sparse *s, const GV_SparseQuery *query)
{
    if (query->distance != s->head.metric.distance) return GV_WAY_OTHER_METRIC;
    if (query->distance == GV_DISTANCE_COSINE && query->squared_norm == 0.0f) return GV_WAY_ZERO_VECTOR;
    return GV_WAY_INDEX;
}

GV_Status gv_sparse_search(GV_Sparse *s, const GV_SparseQuery *query, GV_TopK *top, GV_SparseFound *found)
{
    Walk walk = {.sparse = s, .query = query, .top = top, .found = found};
    found->way = way_of(s, query);
    if (found->way != GV_WAY_INDEX) {
        look_at_rows(s, query, true, top, found);
        return GV_OK;
    }
    walk.block_count = s->head.table->slot_count / BLOCK + 1;
    walk.room = take_scratch(s, walk.block_count, query->row.count, query->bounded ? 0 : top->k);
    if (!walk.room) return gv_last_status();
    find_terms(&walk);
    bool sums_hold = walk.rest <= GREATEST && !gv_sparse_is_tiny(query->distance, query->squared_norm);
    look_at_rows(s, query, !sums_hold, top, found);
    if (sums_hold) walk_lists(&walk);
    if (found->looked_at > 0) found->way = GV_WAY_STARVED;
    give_scratch(s, walk.room);
    return GV_OK;
}
