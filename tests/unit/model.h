/* model.h: what a database must hold and answer, by a plain array that is looked through from one end to the other. Distances are
 * those of metric.h over the scalar kernels; which rows, in which order, and how many is all the model's own. */
#ifndef GV_TEST_MODEL_H
#define GV_TEST_MODEL_H
#include "base/random.h"
#include "kernels/kernels.h"
#include "kernels/metric.h"
#include "packed.h"

enum {
    MODEL_DIMENSION = 8,
    MODEL_MOST = 700, /* rows at once */
    MODEL_GROUPS = 6
};

typedef struct Item {
    uint64_t id;
    float vector[MODEL_DIMENSION];
    unsigned doc, group, price; /* its metadata; doc is unique among the rows */
} Item;

typedef struct Model {
    Item items[MODEL_MOST]; /* by id */
    size_t count;
    uint64_t next_id;
} Model;

typedef struct Filter { /* as an expression, or in so many words */
    int kind;           /* 0: none; 1: group == a; 2: price < b; 3: group != a AND price >= b */
    unsigned a, b;
    char text[80];
} Filter;

typedef struct Answer {
    GV_Hit hits[MODEL_MOST];
    size_t count;
} Answer;

static inline void model_vector(uint64_t seed, float *vector)
{
    uint64_t kind = seed % 16 == 0 ? seed % 5 : seed; /* some are equal to others, and one is zero */
    for (uint64_t i = 0; i < MODEL_DIMENSION; i++)
        vector[i] = kind == 3 ? 0.0f : (float)(gv_random(kind, i) % 2001) / 1000.0f - 1.0f;
}

static inline Filter model_filter(uint64_t draw)
{
    Filter f = {.kind = (int)(draw % 5 > 3 ? 0 : draw % 5), .a = (unsigned)(draw >> 8) % MODEL_GROUPS};
    f.b = (unsigned)(draw >> 16) % 1000;
    if (f.kind == 1) (void)snprintf(f.text, sizeof f.text, "group == 'g%u'", f.a);
    if (f.kind == 2) (void)snprintf(f.text, sizeof f.text, "price < %u", f.b);
    if (f.kind == 3) (void)snprintf(f.text, sizeof f.text, "NOT group == 'g%u' AND price >= %u", f.a, f.b);
    return f;
}

static inline bool model_passes(const Item *item, const Filter *f)
{
    switch (f->kind) {
    case 1: return item->group == f->a;
    case 2: return item->price < f->b;
    case 3: return item->group != f->a && item->price >= f->b;
    default: return true;
    }
}

static inline Item *model_find(Model *model, uint64_t id)
{
    size_t from = 0, to = model->count;
    while (from < to) {
        size_t middle = (from + to) / 2;
        if (model->items[middle].id < id) from = middle + 1;
        else to = middle;
    }
    return from < model->count && model->items[from].id == id ? &model->items[from] : NULL;
}

static inline void model_remove(Model *model, Item *item)
{
    memmove(item, item + 1, (size_t)(model->items + --model->count - item) * sizeof *item);
}

static inline int model_nearer(const void *a, const void *b)
{
    const GV_Hit *x = a, *y = b;
    if (x->distance != y->distance) return x->distance < y->distance ? -1 : 1;
    return x->id < y->id ? -1 : 1;
}

static inline float model_distance(GV_DistanceType distance, const float *a, const float *b)
{
    const GV_Metric metric = {gv_kernels_select("scalar"), distance, MODEL_DIMENSION, GV_STORAGE_F32};
    const GV_Kernels *kernels = metric.kernels;
    float rank = gv_rank(&metric, a, kernels->dot(a, a, MODEL_DIMENSION), b, kernels->dot(b, b, MODEL_DIMENSION));
    return gv_distance_of_rank(distance, rank);
}

/* All rows that pass, nearest first. */
static inline void model_ask(const Model *model, GV_DistanceType distance, const float *query, const Filter *filter,
                             Answer *answer)
{
    answer->count = 0;
    for (size_t i = 0; i < model->count; i++) {
        const Item *item = &model->items[i];
        if (!model_passes(item, filter)) continue;
        answer->hits[answer->count++] = (GV_Hit){item->id, model_distance(distance, query, item->vector)};
    }
    qsort(answer->hits, answer->count, sizeof *answer->hits, model_nearer);
}

static inline void model_pack(const Item *item, Packed *packed)
{
    char text[16];
    put_count(packed, 3);
    (void)snprintf(text, sizeof text, "d%u", item->doc);
    put_pair(packed, "doc", text);
    (void)snprintf(text, sizeof text, "g%u", item->group);
    put_pair(packed, "group", text);
    (void)snprintf(text, sizeof text, "%u", item->price);
    put_pair(packed, "price", text);
}

#endif
