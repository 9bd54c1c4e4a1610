/* ivfpq.c: the index's memory, and its steps. A patch is the number of steps, then a record of each: its slot; and of a row that
 * comes into a trained index its list, its term and its code, unless rows are codes that are in their lists by then (ivfpq_rows.c). All
 * records of a patch are of one length. */
#include "base/bytes.h"
#include "base/checked.h"
#include "base/random.h"
#include "index/ivfpq.h"

enum {
    HEAD_WORDS = 2 /* of a patch: steps, and whether they remove */
};

/* ---- memory ---- */

static size_t sign_bytes(const GV_IVFPQ *ivf)
{
    return ivf->turned > 0 ? gv_rotation_rounds(ivf->turned) * ivf->turned * sizeof *ivf->signs : 0;
}

static void free_room(GV_IVFPQ *ivf)
{
    gv_release(ivf->head.heap, ivf->room, ivf->room_threads * gv_encode_room(ivf) * sizeof *ivf->room);
    ivf->room = NULL;
    ivf->room_threads = 0;
}

static void ivf_free(GV_Index *index)
{
    GV_IVFPQ *ivf = (GV_IVFPQ *)index;
    free_room(ivf);
    gv_ivf_model_free(ivf, ivf->model);
    gv_ivf_model_free(ivf, ivf->next_model);
    gv_ivf_lists_free(ivf, ivf->lists);
    gv_ivf_lists_free(ivf, ivf->next_lists);
    while (ivf->resting) {
        GV_IvfScratch *scratch = ivf->resting;
        ivf->resting = scratch->next;
        gv_ivf_scratch_free(ivf, scratch);
    }
    gv_release(index->heap, ivf->signs, sign_bytes(ivf));
    gv_mutex_destroy(&ivf->mutex);
    gv_release(index->heap, ivf, sizeof *ivf);
}

/* Do steps put rows into lists? */
static bool files_rows(const GV_IVFPQ *ivf) { return ivf->model && !gv_table_is_coded(ivf->head.table); }

/* Words of a record in a patch of rows that come in. */
static size_t record_words(const GV_IVFPQ *ivf) { return files_rows(ivf) ? 3 + (ivf->code_bytes + 3) / 4 : 1; }

static GV_Status reserve_patch(GV_IVFPQ *ivf, size_t steps, GV_Patch *patch)
{
    size_t rows = steps < GV_PLAN_ROWS ? steps : GV_PLAN_ROWS, words = HEAD_WORDS + rows * record_words(ivf);
    if (patch->capacity >= words) return GV_OK;
    uint32_t *larger = gv_alloc_array(ivf->head.heap, words, sizeof *larger);
    if (!larger) return gv_last_status();
    gv_release(ivf->head.heap, patch->words, patch->capacity * sizeof *patch->words);
    *patch = (GV_Patch){.words = larger, .capacity = words};
    return GV_OK;
}

GV_Status gv_ivf_fit_room(GV_IVFPQ *ivf, size_t rows)
{
    size_t threads = ivf->head.threads > 1 && rows > GV_ENCODE_ROWS ? ivf->head.threads : 1;
    if (threads > GV_THREADS_MAX) threads = GV_THREADS_MAX;
    if (ivf->room_threads >= threads) return GV_OK;
    free_room(ivf);
    ivf->room = gv_alloc_array(ivf->head.heap, threads * gv_encode_room(ivf), sizeof *ivf->room);
    if (!ivf->room) return gv_last_status();
    ivf->room_threads = threads;
    return GV_OK;
}

static GV_Status ivf_reserve(GV_Index *index, uint32_t slot_end, size_t steps, GV_Patch *patch, GV_RwLock *lock)
{
    GV_IVFPQ *ivf = (GV_IVFPQ *)index;
    (void)lock; /* no reader goes by what may move here */
    GV_TRY(reserve_patch(ivf, steps, patch));
    if (!ivf->model) return GV_OK;
    GV_TRY(gv_ivf_lists_reserve(ivf, ivf->lists, slot_end, ivf->lists->row_count - ivf->placed + steps));
    return files_rows(ivf) ? gv_ivf_fit_room(ivf, steps) : GV_OK;
}

static void ivf_settle(GV_Index *index)
{
    GV_IVFPQ *ivf = (GV_IVFPQ *)index;
    if (ivf->room_threads > 1) free_room(ivf);
}

/* ---- steps ---- */

typedef struct Planning {
    GV_IVFPQ *ivf;
    const GV_Step *steps;
    uint32_t *records;
} Planning;

static void plan_rows(void *context, size_t worker, size_t begin, size_t end)
{
    Planning *p = context;
    const GV_IVFPQ *ivf = p->ivf;
    size_t words = record_words(ivf);
    uint32_t slots[GV_ENCODE_ROWS];
    GV_Coded coded[GV_ENCODE_ROWS];
    for (size_t i = begin; i < end; i++) {
        slots[i - begin] = p->steps[i].slot;
        p->records[i * words + words - 1] = 0; /* what its code does not fill */
        coded[i - begin].code = (uint8_t *)(p->records + i * words + 3);
    }
    gv_ivf_encode(ivf, ivf->model, slots, end - begin, ivf->room + worker * gv_encode_room(ivf), coded);
    for (size_t i = begin; i < end; i++) {
        uint32_t *record = p->records + i * words;
        record[0] = slots[i - begin];
        record[1] = coded[i - begin].list;
        memcpy(record + 2, &coded[i - begin].term, sizeof(float));
    }
}

static size_t ivf_plan(GV_Index *index, const GV_Step *steps, size_t count, GV_Patch *patch, GV_RwLock *lock)
{
    GV_IVFPQ *ivf = (GV_IVFPQ *)index;
    size_t some = 1, most = count < GV_PLAN_ROWS ? count : GV_PLAN_ROWS;
    bool removes = steps->removes;
    (void)lock;
    while (some < most && steps[some].removes == removes) some++;
    patch->words[0] = (uint32_t)some;
    patch->words[1] = removes;
    patch->count = HEAD_WORDS + some * (removes ? 1 : record_words(ivf));
    if (removes || !files_rows(ivf)) {
        for (size_t i = 0; i < some; i++) patch->words[HEAD_WORDS + i] = steps[i].slot;
        return some;
    }
    Planning p = {ivf, steps, patch->words + HEAD_WORDS};
    gv_parallel(index->pool, ivf->room_threads, some, GV_ENCODE_ROWS, plan_rows, &p);
    return some;
}

static void carry_out(GV_IVFPQ *ivf, const uint32_t *record, bool removes)
{
    uint32_t slot = record[0];
    if (removes) {
        if (ivf->model) gv_ivf_remove(ivf, ivf->lists, slot);
        gv_table_release_slot(ivf->head.table, slot);
    } else if (!files_rows(ivf)) {
        ivf->placed -= ivf->placed > 0;
    } else {
        GV_Coded coded = {.list = record[1], .code = (uint8_t *)(uintptr_t)(record + 3)};
        memcpy(&coded.term, record + 2, sizeof coded.term);
        gv_ivf_append(ivf, ivf->lists, slot, &coded);
    }
}

static void ivf_commit(GV_Index *index, const GV_Patch *patch, GV_RwLock *lock)
{
    enum {
        ROWS_AT_ONCE = 256
    };
    GV_IVFPQ *ivf = (GV_IVFPQ *)index;
    bool removes = patch->words[1] != 0;
    size_t words = removes ? 1 : record_words(ivf), count = patch->words[0];
    for (size_t i = 0; i < count;) {
        size_t end = count - i < ROWS_AT_ONCE ? count : i + ROWS_AT_ONCE;
        if (lock) gv_write_lock(lock);
        for (; i < end; i++) carry_out(ivf, patch->words + HEAD_WORDS + i * words, removes);
        if (lock) gv_write_unlock(lock);
    }
}

static GV_Status ivf_replay(GV_Index *index, const GV_Step *steps, size_t count, const GV_Patch *patch, size_t *done)
{
    GV_IVFPQ *ivf = (GV_IVFPQ *)index;
    if (patch->count < HEAD_WORDS || patch->words[1] > 1)
        return gv_fail(GV_ERR_CORRUPT, "a patch of %zu words is none", patch->count);
    bool removes = patch->words[1] != 0;
    size_t words = removes ? 1 : record_words(ivf), rows = (patch->count - HEAD_WORDS) / words;
    if (rows == 0 || rows > count || rows != patch->words[0] || rows * words != patch->count - HEAD_WORDS)
        return gv_fail(GV_ERR_CORRUPT, "a patch of %zu words for %zu steps", patch->count, count);
    for (size_t i = 0; i < rows; i++) {
        const uint32_t *record = patch->words + HEAD_WORDS + i * words;
        if (record[0] != steps[i].slot || steps[i].removes != removes)
            return gv_fail(GV_ERR_CORRUPT, "a patch of slot %u, where %u is next", record[0], steps[i].slot);
        if (!removes && files_rows(ivf) && (record[1] >= ivf->nlist || *gv_ivf_place(ivf->lists, record[0]) != 0))
            return gv_fail(GV_ERR_CORRUPT, "a patch puts slot %u into list %u", record[0], record[1]);
        if (!removes || !ivf->model) continue;
        if (*gv_ivf_place(ivf->lists, record[0]) == 0)
            return gv_fail(GV_ERR_CORRUPT, "a patch removes slot %u, which is in no list", record[0]);
    }
    ivf_commit(index, patch, NULL);
    *done = rows;
    return GV_OK;
}

/* ---- a new index ---- */

static void lay_out(GV_IVFPQ *ivf, const GV_IVFPQConfig *config, size_t dimension)
{
    size_t turned = (size_t)gv_round_up(dimension, GV_CACHE_LINE), base;
    ivf->turned = config->rotate ? turned : 0;
    base = config->rotate ? turned : dimension;
    ivf->nlist = config->nlist;
    ivf->m = config->m < dimension ? config->m : (uint32_t)dimension;
    ivf->words = 1u << config->nbits;
    ivf->part = (uint32_t)((base + ivf->m - 1) / ivf->m);
    ivf->width = ivf->view_room = (size_t)ivf->m * ivf->part;
    ivf->nibbles = config->nbits == 4 ? (ivf->m + 3) / 4 * 4 : 0;
    ivf->code_bytes = ivf->nibbles > 0 ? (ivf->m + 1) / 2 : ivf->m;
    ivf->terms_at = ivf->nibbles > 0 ? 16 * (size_t)ivf->nibbles : GV_BLOCK_ROWS * (size_t)ivf->m;
    ivf->slots_at = ivf->terms_at + GV_BLOCK_ROWS * sizeof(float);
    ivf->tail_at = ivf->slots_at + GV_BLOCK_ROWS * sizeof(uint32_t);
}

static GV_Status make_signs(GV_IVFPQ *ivf)
{
    if (ivf->turned == 0) return GV_OK;
    ivf->signs = gv_alloc(ivf->head.heap, sign_bytes(ivf));
    if (!ivf->signs) return gv_last_status();
    for (size_t i = 0; i < sign_bytes(ivf) / sizeof *ivf->signs; i++)
        ivf->signs[i] = (uint32_t)(gv_random(ivf->seed, i) >> 32) & 0x80000000u;
    return GV_OK;
}

GV_Status gv_ivfpq_new(const GV_IndexSetup *setup, GV_Index **out)
{
    static const GV_IndexOps ops = {
        .name = "ivfpq",
        .reserve = ivf_reserve,
        .plan = ivf_plan,
        .commit = ivf_commit,
        .settle = ivf_settle,
        .replay = ivf_replay,
        .search = gv_ivf_search,
        .search_many = gv_ivf_search_many,
        .cost = gv_ivf_cost,
        .training = &gv_ivf_training,
        .save = gv_ivf_save,
        .load = gv_ivf_load,
        .check = gv_ivf_check,
        .free = ivf_free,
    };
    *out = NULL;
    GV_IVFPQ *ivf = gv_alloc(setup->heap, sizeof *ivf);
    if (!ivf) return gv_last_status();
    if (gv_mutex_init(&ivf->mutex) != 0) {
        gv_release(setup->heap, ivf, sizeof *ivf);
        return gv_fail(GV_ERR_NO_MEMORY, "ivfpq: no mutex to be had");
    }
    ivf->head = (GV_Index){&ops,        setup->table,  setup->metric, setup->heap, setup->scratch_heap,
                           setup->pool, setup->threads};
    ivf->config = setup->ivfpq;
    ivf->seed = setup->seed;
    lay_out(ivf, &setup->ivfpq, setup->metric.dimension);
    gv_ivf_coded_init(ivf);
    GV_Status status = make_signs(ivf);
    if (status == GV_OK) *out = &ivf->head;
    else ivf_free(&ivf->head);
    return status;
}
