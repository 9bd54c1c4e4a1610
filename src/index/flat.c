/* flat.c: the index that has no structure: every search is a scan, every patch is empty. */
#include "index/index.h"

typedef struct GV_Flat {
    GV_Index head;
    uint32_t leaving; /* slot of the removal that is planned, or GV_NO_SLOT */
} GV_Flat;

static GV_Status flat_reserve(GV_Index *index, uint32_t slot_end, size_t steps, GV_Patch *patch, GV_RwLock *lock)
{
    (void)index, (void)slot_end, (void)steps, (void)patch, (void)lock;
    return GV_OK;
}

static size_t flat_plan(GV_Index *index, const GV_Step *steps, size_t count, GV_Patch *patch, GV_RwLock *lock)
{
    (void)count, (void)lock;
    patch->count = 0;
    ((GV_Flat *)index)->leaving = steps->removes ? steps->slot : GV_NO_SLOT;
    return 1;
}

static void flat_commit(GV_Index *index, const GV_Patch *patch, GV_RwLock *lock)
{
    GV_Flat *flat = (GV_Flat *)index;
    (void)patch, (void)lock; /* no reader asks which slots are free */
    if (flat->leaving != GV_NO_SLOT) gv_table_release_slot(index->table, flat->leaving);
    flat->leaving = GV_NO_SLOT;
}

static GV_Status flat_check(GV_Index *index, GV_CheckReport *report)
{
    report->reachable = index->table->live_count;
    return GV_OK;
}

static void flat_free(GV_Index *index) { gv_release(index->heap, index, sizeof(GV_Flat)); }

GV_Status gv_flat_new(const GV_IndexSetup *setup, GV_Index **out)
{
    static const GV_IndexOps ops = {
        .name = "flat",
        .reserve = flat_reserve,
        .plan = flat_plan,
        .commit = flat_commit,
        .check = flat_check,
        .free = flat_free,
    };
    *out = NULL;
    GV_Flat *flat = gv_alloc(setup->heap, sizeof *flat);
    if (!flat) return gv_last_status();
    flat->head = (GV_Index){&ops, setup->table, setup->metric, setup->heap, setup->scratch_heap, NULL, 1};
    flat->leaving = GV_NO_SLOT;
    *out = &flat->head;
    return GV_OK;
}
