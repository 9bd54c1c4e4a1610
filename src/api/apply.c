/* apply.c: carrying out a change: the same for a live call and for recovery. */
#include "api/store.h"
#include <string.h>

enum {
    STEPS_KEPT = 64
};

static GV_Status reserve_steps(GV_Store *s, size_t count)
{
    if (count <= s->step_capacity) return GV_OK;
    size_t capacity = s->step_capacity ? s->step_capacity : STEPS_KEPT;
    while (capacity < count) capacity *= 2;
    GV_Step *steps = gv_alloc_array(&s->heap, capacity, sizeof *steps);
    if (!steps) return gv_last_status();
    if (s->steps) memcpy(steps, s->steps, s->step_count * sizeof *steps);
    gv_release(&s->heap, s->steps, s->step_capacity * sizeof *steps);
    s->steps = steps;
    s->step_capacity = capacity;
    return GV_OK;
}

GV_Status gv_store_reserve(GV_Store *s, uint32_t slot_end, uint64_t live, size_t steps, bool ordered, GV_RwLock *lock)
{
    GV_TRY(reserve_steps(s, steps));
    GV_TRY(gv_table_reserve(&s->table, slot_end, live, ordered, lock));
    return s->index->ops->reserve(s->index, slot_end, steps, &s->patch, lock);
}

void gv_store_step(GV_Store *s, uint32_t slot, bool removes) { s->steps[s->step_count++] = (GV_Step){slot, removes}; }

size_t gv_store_drop_row(GV_Store *s, uint32_t slot)
{
    s->terms.moved_bytes = 0;
    gv_terms_forget(&s->terms, slot);
    gv_table_drop(&s->table, slot);
    return s->terms.moved_bytes;
}

void gv_store_replace_metadata(GV_Store *s, uint32_t slot, uint8_t *metadata)
{
    gv_terms_forget(&s->terms, slot);
    gv_table_replace_metadata(&s->table, slot, metadata);
}

void gv_store_swap_row(GV_Store *s, uint32_t old, uint32_t staged)
{
    gv_terms_forget(&s->terms, old);
    const uint8_t **from = gv_blob_at(&s->table.metadata, old), **to = gv_blob_at(&s->table.metadata, staged);
    *to = *from;
    *from = NULL;
    gv_table_hide(&s->table, old);
    gv_table_drop(&s->table, old);
    gv_table_enter(&s->table, staged);
    gv_table_show(&s->table, staged);
}

/* Patches are groups of their own, of about a frame each: what was logged before a kill is not done again. */
static bool log_patch(GV_Store *s, bool *begun, size_t *bytes)
{
    if (!*begun && gv_log_begin(&s->log) != GV_OK) return false;
    *begun = true;
    GV_Status status = gv_record_patch(&s->log, &s->patch);
    if (status != GV_OK) {
        gv_log_abort(&s->log);
        *begun = false;
        return false;
    }
    *bytes += s->patch.count * sizeof *s->patch.words;
    if (*bytes < GV_FRAME_TARGET_BYTES / 2) return true;
    *begun = false;
    *bytes = 0;
    return gv_log_commit(&s->log, false) == GV_OK;
}

size_t gv_store_run_some(GV_Store *s, size_t from, size_t end, GV_RwLock *lock)
{
    const GV_IndexOps *ops = s->index->ops;
    bool logs = s->log.vfs && ops->replay, begun = false;
    size_t bytes = 0, i = from;
    while (i < end) {
        i += ops->plan(s->index, s->steps + i, s->step_count - i, &s->patch, lock);
        ops->commit(s->index, &s->patch, lock);
        if (logs) logs = log_patch(s, &begun, &bytes);
    }
    if (begun) (void)gv_log_commit(&s->log, false);
    return i;
}

void gv_store_run_steps(GV_Store *s, size_t from, GV_RwLock *lock)
{
    (void)gv_store_run_some(s, from, s->step_count, lock);
    if (s->index->ops->settle) s->index->ops->settle(s->index);
    s->step_count = 0;
    if (s->step_capacity <= STEPS_KEPT) return;
    gv_release(&s->heap, s->steps, s->step_capacity * sizeof *s->steps); /* who adds many rows may never do so again */
    s->steps = NULL;
    s->step_capacity = 0;
}

GV_Status gv_store_order_steps(GV_Store *s)
{
    size_t in = 0, out = 0, mixed = 0;
    for (size_t i = 0; i < s->step_count; i++) {
        if (s->steps[i].removes) out++;
        else mixed += out > 0;
    }
    if (mixed == 0) return GV_OK;
    GV_Step *removals = gv_alloc_array(&s->heap, out, sizeof *removals);
    if (!removals) return gv_last_status();
    size_t count = out;
    for (size_t i = out = 0; i < s->step_count; i++) {
        if (s->steps[i].removes) removals[out++] = s->steps[i];
        else s->steps[in++] = s->steps[i];
    }
    memcpy(s->steps + in, removals, count * sizeof *removals);
    gv_release(&s->heap, removals, count * sizeof *removals);
    return GV_OK;
}
