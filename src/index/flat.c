/* flat.c: the index that has no structure: every search is a scan, every patch is empty. Beside the rows it keeps their codes
 * (ADR 16), which the scan looks at first: a cache, made at open and not in the file; where rows stay in a mapping, none. */
#include "index/row_codes.h"
#include "index/coded_scan.h"

enum {
    BATCH_MOST = 1024, /* rows encoded at once */
    CHUNK = 64,        /* of them, for a thread */
    THREADS_MOST = BATCH_MOST / CHUNK
};

typedef struct GV_Flat {
    GV_Index head;
    GV_Codes codes;
    uint32_t leaving; /* slot of the removal that is planned, or GV_NO_SLOT */
    uint32_t threads;
    float *work; /* [threads, padded] */
    uint32_t slots[BATCH_MOST];
} GV_Flat;

static size_t work_bytes(const GV_Flat *flat) { return flat->threads * flat->codes.padded * sizeof(float); }

static void drop_codes(GV_Flat *flat)
{
    gv_release(flat->head.heap, flat->work, work_bytes(flat));
    flat->work = NULL;
    gv_codes_free(&flat->codes);
    flat->codes.padded = 0;
}

/* A cache, so it makes no write fail: what has no memory for it goes on without. */
static GV_Status flat_reserve(GV_Index *index, uint32_t slot_end, size_t steps, GV_Patch *patch, GV_RwLock *lock)
{
    GV_Flat *flat = (GV_Flat *)index;
    GV_Failure before;
    (void)steps, (void)patch;
    gv_failure_save(&before);
    if (gv_codes_reserve(&flat->codes, slot_end) == GV_OK) return GV_OK;
    if (lock) gv_write_lock(lock);
    drop_codes(flat);
    if (lock) gv_write_unlock(lock);
    (void)gv_failure_restore(&before);
    return GV_OK;
}

static void encode(void *context, size_t worker, size_t begin, size_t end)
{
    const GV_Flat *flat = *(GV_Flat *const *)context;
    const GV_Codes *codes = &flat->codes;
    const GV_Table *table = flat->head.table;
    for (size_t i = begin; i < end; i++) {
        uint32_t slot = flat->slots[i];
        float *work = flat->work + worker * codes->padded;
        gv_codes_encode_row(codes, gv_table_floats(table, slot, work), gv_table_norm(table, slot), work,
                            gv_codes_row(codes, slot), gv_codes_head(codes, slot));
    }
}

/* Nobody looks at the code of a row that is not live. */
static void encode_all(GV_Flat *flat, size_t count)
{
    if (flat->codes.padded > 0) gv_parallel(flat->head.pool, flat->threads, count, CHUNK, encode, &flat);
}

static size_t flat_plan(GV_Index *index, const GV_Step *steps, size_t count, GV_Patch *patch, GV_RwLock *lock)
{
    GV_Flat *flat = (GV_Flat *)index;
    size_t planned = 0;
    (void)lock;
    patch->count = 0;
    flat->leaving = steps->removes ? steps->slot : GV_NO_SLOT;
    if (steps->removes) return 1;
    for (; planned < count && planned < BATCH_MOST && !steps[planned].removes; planned++)
        flat->slots[planned] = steps[planned].slot;
    encode_all(flat, planned);
    return planned;
}

static void flat_commit(GV_Index *index, const GV_Patch *patch, GV_RwLock *lock)
{
    GV_Flat *flat = (GV_Flat *)index;
    (void)patch, (void)lock; /* no reader looks at which slots are free */
    if (flat->leaving != GV_NO_SLOT) gv_table_release_slot(index->table, flat->leaving);
    flat->leaving = GV_NO_SLOT;
}

static const GV_Codes *flat_codes(const GV_Index *index) { return &((const GV_Flat *)index)->codes; }

static GV_Status flat_load(GV_Index *index, GV_Image *image)
{
    GV_Flat *flat = (GV_Flat *)index;
    const GV_Table *table = index->table;
    if (image->map) drop_codes(flat);
    (void)flat_reserve(index, table->slot_count, 0, NULL, NULL); /* cannot fail */
    if (flat->codes.padded == 0) return GV_OK;
    GV_SlotCursor cursor = gv_first_slots(table, &table->live);
    for (size_t count = 0;; count = 0) {
        uint32_t slot;
        while (count < BATCH_MOST && (slot = gv_next_slot(&cursor)) != GV_NO_SLOT) flat->slots[count++] = slot;
        if (count == 0) return GV_OK;
        encode_all(flat, count);
    }
}

static GV_Status flat_check(GV_Index *index, GV_CheckReport *report)
{
    report->reachable = index->table->live_count;
    return GV_OK;
}

static void flat_free(GV_Index *index)
{
    drop_codes((GV_Flat *)index);
    gv_release(index->heap, index, sizeof(GV_Flat));
}

GV_Status gv_flat_new(const GV_IndexSetup *setup, GV_Index **out)
{
    static const GV_IndexOps ops = {
        .name = "flat",
        .reserve = flat_reserve,
        .plan = flat_plan,
        .commit = flat_commit,
        .codes = flat_codes,
        .load = flat_load,
        .check = flat_check,
        .free = flat_free,
    };
    *out = NULL;
    GV_Flat *flat = gv_alloc(setup->heap, sizeof *flat);
    if (!flat) return gv_last_status();
    flat->head = (GV_Index){&ops,        setup->table,  setup->metric, setup->heap, setup->scratch_heap,
                            setup->pool, setup->threads};
    flat->leaving = GV_NO_SLOT;
    flat->threads = setup->threads < THREADS_MOST ? setup->threads : THREADS_MOST;
    GV_Status status = GV_OK;
    if (gv_codes_turned(setup->metric.distance))
        status = gv_codes_init(&flat->codes, setup->heap, &setup->metric, setup->seed);
    if (status == GV_OK && flat->codes.padded > 0) {
        flat->work = gv_alloc(setup->heap, work_bytes(flat));
        if (!flat->work) status = gv_last_status();
    }
    if (status == GV_OK) *out = &flat->head;
    else flat_free(&flat->head);
    return status;
}
