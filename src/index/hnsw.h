/* hnsw.h: the layered proximity graph (Malkov & Yashunin, arXiv:1603.09320), inside.
 *
 * Everything is by slot. A node of the base layer has 2 M links at a fixed stride; of each layer above it has an upper
 * record with M. Links are packed from the front, an unused one names the node itself. Links come from files and are
 * never trusted: whoever reads one checks it against `slot_end`. Lists are always filled: the survivors of the
 * heuristic first in rank, marked by a bit each, then the nearest of those it pruned ("fillers").
 *
 *   present    in the graph; a removed node stays readable as a way through until its slot is used again
 *   ghost      removed from the table, kept in the graph because rows equal to it live on
 *   head       has rows equal to it, its followers, in a ring (hnsw_twins.c); followers are not in the graph
 *
 * Distances within the graph are ranks of codes (row_codes.h) where rows have them, of full rows where not.
 *
 * Life-cycle: hnsw_insert.c and hnsw_remove.c plan patches, hnsw_patch.c carries them out; hnsw_search.c searches. */
#ifndef GV_HNSW_H
#define GV_HNSW_H
#include "base/bytes.h"
#include "base/float_bits.h"
#include "base/random.h"
#include "index/row_codes.h"
#include "index/index.h"
#include "storage/lazy_section.h"

enum {
    GV_M_MAX = 64,
    GV_DEGREE_MAX = 2 * GV_M_MAX,
    GV_LEVEL_MAX = 15,
    GV_SURVIVOR_WORDS = GV_DEGREE_MAX / 32,
    GV_PIVOTS_MAX = 1024,
};

typedef struct GV_Met { /* nodes met at an expansion: sent for, not measured yet */
    size_t count;
    uint32_t slots[GV_DEGREE_MAX];
    const void *rows[GV_DEGREE_MAX], *heads[GV_DEGREE_MAX]; /* codes and their heads, where there are any */
} GV_Met;

/* What one walk needs and nobody else may touch meanwhile. */
typedef struct GV_Scratch {
    struct GV_Scratch *next; /* in the list of those at rest */
    uint64_t *visited;       /* a bit a slot */
    uint32_t *touched;       /* words of `visited` that are not 0, as many as it has words */
    size_t word_count, touched_count;
    uint64_t *pool; /* candidates, nearest first: rank, slot, and whether expanded (gv_hnsw_key) */
    size_t capacity, count, accepted;
    float *work;       /* [padded] of the codes: a rotated row or query */
    int8_t *code;      /* [padded]: that of a query */
    int8_t *scan_code; /* [padded]: the coarser one that ... */
    uint8_t *tables;   /* [4 padded]: ... these are made of; with the walk's gate only */
    float scan_step;
    GV_Met met[2]; /* at one expansion, and at the one before */
    float ranks[GV_PIVOTS_MAX];
} GV_Scratch;

typedef struct GV_Upper { /* a node's links of one layer above the base */
    uint32_t next;        /* its record of the layer above, or GV_NO_SLOT */
    uint32_t node;
    uint32_t survivors[GV_M_MAX / 32];
    uint32_t links[]; /* [M] */
} GV_Upper;

typedef struct GV_Pivots { /* where searches begin: all nodes of the lowest layer that has at most so many */
    uint32_t slots[GV_PIVOTS_MAX];
    uint32_t count, level;
    uint32_t level_counts[GV_LEVEL_MAX + 1]; /* nodes of each layer */
} GV_Pivots;

typedef enum GV_LazyPart { /* what stays in a mapped file */
    GV_LAZY_LINKS,
    GV_LAZY_SURVIVORS,
    GV_LAZY_CODES,
    GV_LAZY_CODE_HEADS,
    GV_LAZY_BLOCKS,
    GV_LAZY_COUNT
} GV_LazyPart;

typedef struct GV_HNSW {
    GV_Index head;
    uint32_t M, degree, ef_construction; /* degree: 2 M */
    uint32_t rerank;                     /* rows that a search measures in full, at least */
    uint64_t seed;
    GV_Codes codes;
    bool gated;     /* asked for the hybrid walk, where rows have codes */
    GV_Slab blocks; /* hnsw_blocks.c */
    int scan_limit;
    float *block_work; /* the writer's: two decoded rows */

    GV_Slab links;        /* u32[degree] a slot, whole cache lines */
    GV_Slab survivors;    /* a bit a base link */
    GV_Slab upper_at;     /* u32 a slot: its record of layer 1, or GV_NO_SLOT */
    GV_Slab upper;        /* GV_Upper */
    GV_Bitset upper_used; /* records in use: the lowest free one is the next given out */
    uint32_t upper_end;   /* records ever given out: all below have been written */
    uint32_t upper_live, upper_capacity;
    uint64_t id_begin, id_end; /* ids whose records are reserved and not used yet, ... */
    size_t levels_ahead;       /* ... and how many these are */
    size_t levels_kept;        /* more, of rows to come that keep their ids */
    GV_Bitset present, ghosts, heads, followers;
    uint32_t head_count, present_count;
    uint32_t slot_end; /* links name slots below */
    uint32_t entry;    /* GV_NO_SLOT: the graph is empty */
    uint32_t entry_level;
    GV_Pivots pivots;

    bool mapped; /* then whoever reads touches first (hnsw_lazy.c); all NULL and 0 where not */
    GV_LazySection *lazy[GV_LAZY_COUNT];
    _Atomic uint64_t *rings_good; /* a bit a slot: the ring of this head has been checked */
    size_t ring_words;

    /* The writer's. */
    GV_Slab sources;      /* u32 a slot: base links of nodes that lead to it. The last one is not given up */
    bool sources_counted; /* since the graph was loaded */
    struct GV_Build *build;

    GV_Mutex mutex; /* over `resting` */
    GV_Scratch *resting;
} GV_HNSW;

typedef struct GV_Target { /* what distances are measured from */
    const float *vector;   /* the full row, where there are no codes */
    float squared_norm;
    GV_Code code;
    float room[GV_CODES_DIMENSION]; /* for `vector`, of a row that is kept narrower: so a target is not to be copied */
} GV_Target;

typedef struct GV_List { /* a node's links of one layer */
    uint32_t *links, *survivors;
    uint32_t capacity; /* 0: the node is not of this layer */
} GV_List;

typedef struct GV_Draft { /* a list being made or revised */
    uint32_t node, level, capacity, count;
    uint32_t links[GV_DEGREE_MAX];
    float ranks[GV_DEGREE_MAX];
    uint32_t survivors[GV_SURVIVOR_WORDS];
} GV_Draft;

/* Where `slot` is among the links; or their count. */
static inline uint32_t gv_draft_find(const GV_Draft *draft, uint32_t slot)
{
    uint32_t at = 0;
    while (at < draft->count && draft->links[at] != slot) at++;
    return at;
}

typedef struct GV_Walk {
    uint32_t level;
    size_t ef;               /* candidates that count, at most */
    const GV_Bitset *accept; /* what counts; NULL: everything */
    size_t stop_at; /* ends where the next candidate's rank is above factor * that of the stop_at-th that counts, */
    float factor, slack; /* ... + slack (Al-Jazzazi et al., arXiv:2505.15636). Factor 0: never */
    float kept; /* what is met stays in the pool up to this in place of `factor`, which is no more; 0: up to that */
    bool gated; /* only neighbours that look near are measured; after gv_gate_open() */
    bool ahead; /* expands the next candidate before it measures what the one before has met */
} GV_Walk;

/* ---- bits ---- */

static inline bool gv_bit_get(const uint32_t *words, size_t i) { return (words[i >> 5] >> (i & 31)) & 1; }

static inline void gv_bit_set(uint32_t *words, size_t i) { words[i >> 5] |= (uint32_t)1 << (i & 31); }

static inline void gv_bit_clear(uint32_t *words, size_t i) { words[i >> 5] &= ~((uint32_t)1 << (i & 31)); }

static inline size_t gv_bit_words(size_t bits) { return (bits + 31) / 32; }

/* A bit of a set that may be shorter than the table is. */
static inline bool gv_hnsw_bit(const GV_Bitset *set, uint32_t slot)
{
    return (slot >> 6) < set->word_count && gv_bitset_get(set, slot);
}

/* Is every slot of the graph a node that is there? Then nobody has to ask of one. */
static inline bool gv_hnsw_whole(const GV_HNSW *hnsw) { return hnsw->present_count == hnsw->slot_end; }

/* ---- keys: order of rank (negative ones too), then of slot ---- */

static inline uint64_t gv_hnsw_key(float rank, uint32_t slot)
{
    return (uint64_t)gv_float_order(rank) << 32 | (uint64_t)slot << 1;
}

static inline uint32_t gv_key_slot(uint64_t key) { return (uint32_t)key >> 1; }

static inline float gv_key_rank(uint64_t key) { return gv_float_of_order((uint32_t)(key >> 32)); }

/* ---- distances: all that walks and pruning compare comes from here ---- */

static inline bool gv_hnsw_coded(const GV_HNSW *hnsw) { return hnsw->codes.padded > 0; }

/* Of a graph without codes. */
void gv_hnsw_target_row(const GV_HNSW *hnsw, uint32_t slot, GV_Target *target);

/* Make a row the target. This is done often: nothing is written that is not read. */
static inline void gv_hnsw_target(const GV_HNSW *hnsw, uint32_t slot, GV_Target *target)
{
    if (gv_hnsw_coded(hnsw)) target->code = gv_codes_at(&hnsw->codes, slot);
    else gv_hnsw_target_row(hnsw, slot, target);
}

float gv_hnsw_rank(const GV_HNSW *hnsw, const GV_Target *target, uint32_t slot);
/* The ranks of `count` slots. */
void gv_hnsw_measure(const GV_HNSW *hnsw, const GV_Target *target, const uint32_t *slots, size_t count, float *ranks);
/* Of what a walk has met. */
void gv_hnsw_measure_met(const GV_HNSW *hnsw, const GV_Target *target, const GV_Met *met, float *ranks);

static inline float gv_hnsw_rank_between(const GV_HNSW *hnsw, uint32_t a, uint32_t b)
{
    GV_Target target;
    gv_hnsw_target(hnsw, a, &target);
    return gv_hnsw_rank(hnsw, &target, b);
}

/* ---- lists ---- */

/* The record of `node` at `level` >= 1, or NULL. */
static inline GV_Upper *gv_hnsw_upper(const GV_HNSW *hnsw, uint32_t node, uint32_t level)
{
    uint32_t at = *(const uint32_t *)gv_slab_at(&hnsw->upper_at, node);
    while (at != GV_NO_SLOT) {
        GV_Upper *record = gv_slab_at(&hnsw->upper, at);
        if (--level == 0) return record;
        at = record->next;
    }
    return NULL;
}

/* A head's last base link is where its ring hangs: not part of the list. */
static inline GV_List gv_hnsw_list(const GV_HNSW *hnsw, uint32_t node, uint32_t level)
{
    if (level == 0)
        return (GV_List){gv_slab_at(&hnsw->links, node), gv_slab_at(&hnsw->survivors, node),
                         hnsw->degree - (hnsw->head_count > 0 && gv_bitset_get(&hnsw->heads, node))};
    GV_Upper *record = gv_hnsw_upper(hnsw, node, level);
    return record ? (GV_List){record->links, record->survivors, hnsw->M} : (GV_List){NULL, NULL, 0};
}

static inline uint32_t gv_hnsw_degree_at(const GV_HNSW *hnsw, uint32_t level)
{
    return level == 0 ? hnsw->degree : hnsw->M;
}

/* Layers above the base that `node` is part of. */
uint32_t gv_hnsw_level(const GV_HNSW *hnsw, uint32_t node);

/* ---- hnsw_scratch.c ---- */

/* Borrow a scratch for `slots` and a pool of `capacity`; give it back. */
GV_Status gv_scratch_take(GV_HNSW *hnsw, size_t slots, size_t capacity, GV_Scratch **out);
void gv_scratch_give(GV_HNSW *hnsw, GV_Scratch *scratch);

/* Make `*scratch` (NULL at first) large enough; its contents are lost. */
GV_Status gv_scratch_fit(const GV_HNSW *hnsw, GV_Heap *heap, GV_Scratch **scratch, size_t slots, size_t capacity);
void gv_scratch_free(const GV_HNSW *hnsw, GV_Heap *heap, GV_Scratch *scratch);

/* Forget what was visited; and the pool too. */
void gv_scratch_unvisit(GV_Scratch *scratch);
void gv_scratch_clear(GV_Scratch *scratch);

/* Begin a walk at `slot`: nothing else visited, nothing else in the pool. Whether it counts is the caller's to say. */
void gv_scratch_start(GV_Scratch *scratch, uint32_t slot, float rank);

/* Mark `slot` visited; false if it was. */
static inline bool gv_scratch_visit(GV_Scratch *scratch, uint32_t slot)
{
    uint64_t *word = &scratch->visited[slot >> 6], bit = (uint64_t)1 << (slot & 63);
    bool fresh = !(*word & bit);
    scratch->touched[scratch->touched_count] = slot >> 6;
    scratch->touched_count += *word == 0;
    *word |= bit;
    return fresh;
}

/* ---- hnsw_walk.c ---- */

/* Pool capacity for a walk that keeps `ef`: with room for candidates that lead on but do not count. */
size_t gv_hnsw_pool_size(size_t ef);

/* Widen the pool, which holds where to start, until it has the nearest `ef` that count, and all that is nearer. */
GV_Status gv_hnsw_walk(const GV_HNSW *hnsw, GV_Scratch *scratch, const GV_Target *target, const GV_Walk *walk);

/* Leave in the pool the nearest node to be found going down from the entry point to `level`. The graph has nodes. */
GV_Status gv_hnsw_descend(const GV_HNSW *hnsw, GV_Scratch *scratch, const GV_Target *target, uint32_t level);

/* Does `slot`, or a row that it stands for, count? */
bool gv_hnsw_stands_in(const GV_HNSW *hnsw, const GV_Bitset *accept, uint32_t slot);

static inline bool gv_hnsw_accepted(const GV_HNSW *hnsw, const GV_Bitset *accept, uint32_t slot)
{
    if (!accept) return true;
    return hnsw->head_count > 0 ? gv_hnsw_stands_in(hnsw, accept, slot) : gv_hnsw_bit(accept, slot);
}

/* ---- hnsw_search.c ---- */

GV_Status gv_hnsw_search(GV_Index *index, const GV_Query *query, GV_TopK *top);

/* ---- hnsw_blocks.c ---- */

static inline bool gv_hnsw_gated(const GV_HNSW *hnsw) { return hnsw->gated; }

GV_Status gv_blocks_init(GV_HNSW *hnsw);
void gv_blocks_free(GV_HNSW *hnsw);

/* The block of `node`: all empty; the links from .. from + count; empty from there on. No-ops without a gate. */
void gv_blocks_clear(GV_HNSW *hnsw, uint32_t node);
void gv_blocks_write(GV_HNSW *hnsw, uint32_t node, const uint32_t *links, uint32_t from, uint32_t count);
void gv_blocks_drop(GV_HNSW *hnsw, uint32_t node, uint32_t from);

/* Make the tables of the rotated query in scratch->work. */
void gv_gate_open(const GV_HNSW *hnsw, GV_Scratch *scratch);

/* Which of the links 32 * index .. of `node`, itself at rank `base`, look nearer than `bound`: a bit each. Unused places may
 * be among them. */
uint32_t gv_gate_pass(const GV_HNSW *hnsw, const GV_Scratch *scratch, uint32_t node, uint32_t index, float base,
                      float bound);

/* ---- hnsw_pivots.c ---- */

void gv_pivots_add(GV_HNSW *hnsw, uint32_t node, uint32_t level);
void gv_pivots_remove(GV_HNSW *hnsw, uint32_t node, uint32_t level); /* while its upper records are still there */
void gv_pivots_find(GV_HNSW *hnsw);                                  /* all anew, from the graph */

/* ---- hnsw_select.c ---- */

/* Is a node, at `rank` from another, better reached by way of a survivor that is `between` from it? A tie is not
 * enough: far clusters, where all ranks round to one, would lose their last links. But what coincides with a survivor
 * needs no link of its own. (The negated dot product knows no zero that means this.) */
bool gv_hnsw_covers(const GV_HNSW *hnsw, float between, float rank);

/* Choose the links of draft->node, at draft->level, from the candidates, nearest first: survivors, then fillers. In `left` is
 * room for as many keys. */
void gv_hnsw_select(const GV_HNSW *hnsw, const uint64_t *candidates, size_t count, uint64_t *left, GV_Draft *draft);

/* Read a list, with the ranks of its links. */
void gv_hnsw_draft(const GV_HNSW *hnsw, uint32_t node, uint32_t level, GV_Draft *draft);

/* Does a row, at `rank` from draft->node, survive among the survivors of the draft that are nearer? Those that are not
 * nearer, and that it covers, become fillers if it does. */
bool gv_hnsw_survives(const GV_HNSW *hnsw, const GV_Target *row, GV_Draft *draft, float rank);

typedef enum GV_Urgency { /* of an offer: what it may take */
    GV_OFFER_IF_BETTER,   /* the place of a worse link, but for those that gv_hnsw_sources_least() keeps */
    GV_OFFER_FORCED,      /* any place but those */
    GV_OFFER_AT_ANY_COST  /* any place but that of the last link which leads to a node */
} GV_Urgency;

/* Offer the node `slot`, at `rank` from draft->node, to its list. Returns the position taken, or GV_NO_SLOT, and then the
 * draft is as before. */
uint32_t gv_hnsw_offer(const GV_HNSW *hnsw, const GV_Target *target, GV_Draft *draft, uint32_t slot, float rank,
                       GV_Urgency urgency);

/* ---- hnsw_insert.c, hnsw_remove.c ---- */

/* Memory to plan up to `steps` steps with (hnsw_build.c), and the words of the largest patch that one plan makes. */
GV_Status gv_build_reserve(GV_HNSW *hnsw, uint32_t slot_end, size_t steps);
void gv_build_free(GV_HNSW *hnsw);
size_t gv_build_patch_words(const GV_HNSW *hnsw, size_t steps);

/* Plan the insertions that `steps` begins with, as many as make a batch; returns how many. */
size_t gv_hnsw_insert(GV_HNSW *hnsw, const GV_Step *steps, size_t count, GV_RwLock *lock, GV_Patch *patch);
void gv_hnsw_remove(GV_HNSW *hnsw, uint32_t slot, GV_Patch *patch);

/* A walk's memory for the writer alone. */
GV_Scratch *gv_build_scratch(const GV_HNSW *hnsw);

/* The level that a row is given when it is inserted: coin flips from the seed and the id. */
uint32_t gv_hnsw_draw_level(const GV_HNSW *hnsw, uint64_t id);

/* Put the code of the row in `slot` in its place. Nobody reads it meanwhile. */
void gv_hnsw_encode(GV_HNSW *hnsw, uint32_t slot, float *work);

/* ---- hnsw_patch.c: the language of patches ---- */

void gv_patch_node(GV_Patch *patch, uint32_t slot, uint32_t level);
void gv_patch_list(const GV_HNSW *hnsw, GV_Patch *patch, const GV_Draft *draft);
void gv_patch_link(const GV_HNSW *hnsw, GV_Patch *patch, const GV_Draft *draft, uint32_t position);
/* The links whose bits are set in `changed` one by one, or the whole list where that is shorter. */
void gv_patch_changes(const GV_HNSW *hnsw, GV_Patch *patch, const GV_Draft *draft, const uint32_t *changed);
void gv_patch_entry(GV_Patch *patch, uint32_t slot, uint32_t level);
void gv_patch_join(GV_Patch *patch, uint32_t slot, uint32_t head, uint32_t after);
void gv_patch_leave(GV_Patch *patch, uint32_t slot);
void gv_patch_ghost(GV_Patch *patch, uint32_t slot);
void gv_patch_remove(GV_Patch *patch, uint32_t slot);

/* Words that the largest patch of one step may take; those of one list, and for one layer. */
size_t gv_hnsw_patch_words(const GV_HNSW *hnsw);
size_t gv_patch_list_words(size_t degree);
size_t gv_patch_layer_words(size_t degree);

void gv_hnsw_commit(GV_Index *index, const GV_Patch *patch, GV_RwLock *lock);
GV_Status gv_hnsw_replay(GV_Index *index, const GV_Step *steps, size_t count, const GV_Patch *patch, size_t *done);

/* ---- hnsw_twins.c: rows equal to a node ---- */

/* The node in the pool whose row is, bit for bit, that of `slot`, whose rank from itself is `same`; or GV_NO_SLOT. */
uint32_t gv_hnsw_find_twin(const GV_HNSW *hnsw, const GV_Scratch *scratch, uint32_t slot, float same);

/* After which member of the ring of `head` (itself, if it has none before) a follower `slot` belongs: by id. */
uint32_t gv_ring_place(const GV_HNSW *hnsw, uint32_t head, uint32_t slot);

uint32_t gv_ring_first(const GV_HNSW *hnsw, uint32_t head);
uint32_t gv_ring_next(const GV_HNSW *hnsw, uint32_t follower); /* the first again after the last */
uint32_t gv_ring_previous(const GV_HNSW *hnsw, uint32_t follower);
uint32_t gv_ring_head(const GV_HNSW *hnsw, uint32_t follower);

void gv_ring_join(GV_HNSW *hnsw, uint32_t slot, uint32_t head, uint32_t after);
void gv_ring_leave(GV_HNSW *hnsw, uint32_t slot);

/* ---- hnsw_lazy.c: before something of a mapped graph is read for the first time ---- */

/* What the expansion of `node` reads; what measuring `slots` reads, and following their rings. Not needed unless
 * hnsw->mapped. GV_ERR_CORRUPT names the offset. Any number of threads. */
GV_Status gv_hnsw_touch_list(const GV_HNSW *hnsw, uint32_t node, uint32_t level);
GV_Status gv_hnsw_touch_nodes(const GV_HNSW *hnsw, const uint32_t *slots, size_t count);

/* Everything that is left in the mapping: before planning, checking or saving. */
GV_Status gv_hnsw_verify(const GV_HNSW *hnsw);

/* Check every ring of a graph that has been loaded, or begin to check each when it is first touched. */
GV_Status gv_hnsw_watch_rings(GV_HNSW *hnsw);
GV_Status gv_rings_check(const GV_HNSW *hnsw);
void gv_hnsw_unwatch(GV_HNSW *hnsw);

/* ---- hnsw_save.c, hnsw_check.c ---- */

GV_Status gv_hnsw_save(GV_Index *index, GV_ImageWriter *writer);
GV_Status gv_hnsw_load(GV_Index *index, GV_Image *image);
GV_Status gv_hnsw_check(GV_Index *index, GV_CheckReport *report);
GV_Status gv_hnsw_shape(GV_Index *index, GV_Stats *stats);

/* ---- hnsw_order.c ---- */

/* All nodes that links of the base layer, or of all layers, lead to from the entry point on, in that order: into `queue`, which has room for
 * slot_end. `seen` begins empty, and has room as well. */
GV_Status gv_hnsw_breadth_first(const GV_HNSW *hnsw, bool all_layers, GV_Bitset *seen, uint32_t *queue, size_t *count);

GV_Status gv_hnsw_order(const GV_Index *index, uint32_t *slots);

/* A base link to `slot` has come (1) or gone (-1). */
static inline void gv_hnsw_count_source(GV_HNSW *hnsw, uint32_t slot, int change)
{
    if (slot < hnsw->slot_end) *(uint32_t *)gv_slab_at(&hnsw->sources, slot) += (uint32_t)change;
}

/* So many base links lead to a node, at least, where its neighbours can spare them (ADR 5). */
static inline uint32_t gv_hnsw_sources_least(const GV_HNSW *hnsw) { return hnsw->M >= 4 ? hnsw->M / 2 : 1; }

/* Would a node that is there be left with fewer than `least` base links that lead to it? Of those that a plan has changed
 * nobody knows yet, and a row that is being inserted has none. */
static inline bool gv_hnsw_is_needed(const GV_HNSW *hnsw, const GV_Draft *draft, uint32_t position, uint32_t least)
{
    uint32_t slot = draft->links[position];
    return draft->level == 0 && gv_bitset_get(&hnsw->present, slot) &&
           *(const uint32_t *)gv_slab_at(&hnsw->sources, slot) <= least;
}

/* Room for slots below `slot_end` in what searches read. */
GV_Status gv_hnsw_reserve_slots(GV_HNSW *hnsw, uint32_t slot_end, GV_RwLock *lock);

#endif
