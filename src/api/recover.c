/* recover.c: the log tail applied to a store that has just been loaded and that nobody else sees. The groups in it are
 * whole and their checksums right, yet a file may have been made by anyone: every number is checked all the same. */
#include "api/store.h"
#include "base/bytes.h"
#include "storage/metadata.h"
#include <string.h>

typedef struct Recovery {
    GV_Store *store;
    bool in_group;   /* a group's first frame has come, its last has not */
    size_t done;     /* steps of the last group that a patch has carried out */
    bool reserved;   /* the index has room for those steps */
    uint8_t *values; /* of a training, as far as they have come */
    size_t value_bytes, value_end;
    float *room; /* [gv_table_room()] */
} Recovery;

static GV_Status corrupt(const char *what, uint64_t value)
{
    return gv_fail(GV_ERR_CORRUPT, "%s %llu", what, (unsigned long long)value);
}

/* Room for one more row and its steps, then the steps themselves are noted as they come. */
static GV_Status reserve_slot(GV_Store *s, uint32_t slot, uint64_t id)
{
    bool ordered = slot >= s->table.slot_count && id >= s->table.next_id;
    if (slot >= GV_SLOTS_MAX) return corrupt("more rows than the format allows:", slot);
    return gv_store_reserve(s, slot >= s->table.slot_count ? slot + 1 : s->table.slot_count, s->table.live_count + 1,
                            s->step_count + 2, ordered, NULL);
}

/* How many bytes the row of a record has, whose first `rest` are at `at`; SIZE_MAX: more than there are. */
static size_t row_bytes(const GV_Store *s, const uint8_t *at, size_t rest)
{
    size_t size = s->table.row_bytes;
    if (gv_table_is_sparse(&s->table))
        return rest >= 4 && gv_get_u32(at) <= rest - 4 ? 4 + (size_t)gv_get_u32(at) : SIZE_MAX;
    return size <= rest ? size : SIZE_MAX;
}

/* Pairs of a log as the table holds them. */
static GV_Status copy_pairs(GV_Store *s, uint64_t id, const uint8_t *row, uint8_t **pairs, float *norm)
{
    size_t size = gv_get_u32(row);
    *pairs = gv_blob_copy(&s->heap, row + 4, size);
    if (!*pairs) return gv_last_status();
    if (gv_sparse_is_row(*pairs + 4, size, s->settings.dimension, norm)) return GV_OK;
    gv_blob_free(&s->table.pairs, &s->heap, *pairs);
    return corrupt("pairs that cannot be, of row", id);
}

/* Takes `metadata` over, also when it fails. */
static GV_Status stage(Recovery *r, uint64_t id, const uint8_t *row, uint8_t *metadata, uint32_t *slot)
{
    GV_Store *s = r->store;
    uint8_t *pairs = NULL;
    float norm = 0.0f;
    *slot = gv_table_free_slot(&s->table, 0);
    GV_Status status = reserve_slot(s, *slot, id);
    if (gv_table_is_coded(&s->table) && status == GV_OK && !s->table.coded->is_row(s->table.coded->owner, row))
        status = corrupt("a code that cannot be, of row", id);
    /* a mapped row is verified before it is written over */
    if (status == GV_OK && *slot < s->table.slot_count) status = gv_table_touch(&s->table, *slot);
    if (status == GV_OK && gv_table_is_sparse(&s->table)) status = copy_pairs(s, id, row, &pairs, &norm);
    if (status != GV_OK) {
        gv_table_metadata_free(&s->table, metadata);
        return status;
    }
    gv_table_stage(&s->table, *slot, id, pairs ? pairs : row, norm, metadata);
    if (pairs) return GV_OK;
    const float *staged = gv_table_floats(&s->table, *slot, r->room);
    norm = s->metric.kernels->dot(staged, staged, s->table.dimension);
    *(float *)gv_slab_at(&s->table.norms, *slot) = norm;
    return norm <= 3.402823466e38f ? GV_OK : corrupt("a vector that is not finite, of row", id);
}

static GV_Status recover_row(Recovery *r, const uint8_t **at, size_t *rest)
{
    GV_Store *s = r->store;
    size_t row = *rest >= 12 ? row_bytes(s, *at + 12, *rest - 12) : SIZE_MAX;
    if (row == SIZE_MAX) return corrupt("a record is cut short, after id", s->table.next_id);
    uint64_t id = gv_get_u64(*at);
    size_t size = gv_get_u32(*at + 8);
    if (id != s->table.next_id || id >= GV_ID_MAX) return corrupt("an added row is out of sequence:", id);
    if (size > *rest - 12 - row) return corrupt("a record is cut short: metadata of row", id);
    const uint8_t *packed = *at + 12 + row;
    if (size > 0 && gv_metadata_check(packed, size, 0) != GV_OK) return corrupt("metadata that cannot be, of row", id);
    uint8_t *metadata;
    uint32_t slot;
    GV_TRY(gv_table_metadata_new(&s->table, packed, size, &metadata));
    GV_TRY(stage(r, id, *at + 12, metadata, &slot));
    gv_table_enter(&s->table, slot);
    gv_table_show(&s->table, slot);
    s->table.next_id = id + 1;
    gv_store_step(s, slot, false);
    *at += 12 + row + size;
    *rest -= 12 + row + size;
    return GV_OK;
}

static GV_Status find_live(GV_Store *s, uint64_t id, uint32_t *slot)
{
    *slot = gv_table_find(&s->table, id);
    return *slot != GV_NO_SLOT ? GV_OK : corrupt("a record names a row that is not there:", id);
}

static GV_Status recover_delete(GV_Store *s, const uint8_t **at, size_t *rest)
{
    uint32_t slot;
    if (*rest < 8) return corrupt("a record is cut short:", *rest);
    GV_TRY(find_live(s, gv_get_u64(*at), &slot));
    GV_TRY(gv_store_reserve(s, s->table.slot_count, s->table.live_count, s->step_count + 1, true, NULL));
    gv_table_hide(&s->table, slot);
    (void)gv_store_drop_row(s, slot);
    gv_store_step(s, slot, true);
    *at += 8;
    *rest -= 8;
    return GV_OK;
}

static GV_Status recover_update(Recovery *r, const uint8_t **at, size_t *rest)
{
    GV_Store *s = r->store;
    size_t row = *rest >= 8 ? row_bytes(s, *at + 8, *rest - 8) : SIZE_MAX, size = 8 + row;
    uint32_t old, slot;
    if (row == SIZE_MAX) return corrupt("a record is cut short:", *rest);
    uint64_t id = gv_get_u64(*at);
    GV_TRY(find_live(s, id, &old));
    if (s->index->ops->expect) s->index->ops->expect(s->index, id);
    GV_TRY(stage(r, id, *at + 8, NULL, &slot));
    gv_store_swap_row(s, old, slot);
    gv_store_step(s, slot, false);
    gv_store_step(s, old, true);
    *at += size;
    *rest -= size;
    return GV_OK;
}

static GV_Status recover_metadata(GV_Store *s, const uint8_t **at, size_t *rest)
{
    uint32_t slot;
    if (*rest < 12 || gv_get_u32(*at + 8) > *rest - 12) return corrupt("a record is cut short:", *rest);
    uint64_t id = gv_get_u64(*at);
    size_t size = gv_get_u32(*at + 8);
    GV_TRY(find_live(s, id, &slot));
    if (size > 0 && gv_metadata_check(*at + 12, size, 0) != GV_OK)
        return corrupt("metadata that cannot be, of row", id);
    uint8_t *metadata;
    GV_TRY(gv_table_metadata_new(&s->table, *at + 12, size, &metadata));
    gv_store_replace_metadata(s, slot, metadata);
    *at += 12 + size;
    *rest -= 12 + size;
    return GV_OK;
}

/* Steps of the last group without a patch are planned again, to the same result, from rows that are known to be good. */
static GV_Status finish_group(Recovery *r)
{
    GV_Store *s = r->store;
    if (s->step_count > r->done) {
        if (s->index->ops->replay) GV_TRY(gv_table_verify(&s->table));
        GV_TRY(gv_store_reserve(s, s->table.slot_count, s->table.live_count, s->step_count, true, NULL));
    }
    gv_store_run_steps(s, r->done, NULL);
    r->done = 0;
    r->reserved = false;
    return GV_OK;
}

static GV_Status recover_patches(Recovery *r, const uint8_t *at, size_t rest)
{
    GV_Store *s = r->store;
    while (rest > 0) {
        if (rest < 4 || gv_get_u32(at) > (rest - 4) / 4) return corrupt("a patch is cut short:", rest);
        size_t count = gv_get_u32(at);
        if (r->done == s->step_count) return corrupt("a patch without its step, of words:", count);
        if (!r->reserved) {
            GV_TRY(gv_store_reserve(s, s->table.slot_count, s->table.live_count, s->step_count, true, NULL));
            r->reserved = true;
        }
        if (!s->index->ops->replay || count > s->patch.capacity) return corrupt("a patch is too long, words:", count);
        if (count > 0) memcpy(s->patch.words, at + 4, count * 4);
        s->patch.count = count;
        size_t steps = 0;
        GV_TRY(s->index->ops->replay(s->index, s->steps + r->done, s->step_count - r->done, &s->patch, &steps));
        r->done += steps;
        at += 4 + count * 4;
        rest -= 4 + count * 4;
    }
    return GV_OK;
}

static void drop_values(Recovery *r)
{
    gv_release(&r->store->heap, r->values, r->value_bytes);
    r->values = NULL;
    r->value_bytes = r->value_end = 0;
}

/* A piece of a training; with the last one the index has it. */
static GV_Status recover_training(Recovery *r, const uint8_t **at, size_t *rest)
{
    GV_Store *s = r->store;
    const GV_TrainingOps *training = s->index->ops->training;
    if (*rest < 20 || gv_get_u32(*at + 16) > *rest - 20) return corrupt("a record is cut short:", *rest);
    uint64_t bytes = gv_get_u64(*at), from = gv_get_u64(*at + 8);
    size_t size = gv_get_u32(*at + 16);
    if (!training || s->step_count > 0 || s->settings.ivfpq.drop_vectors)
        return corrupt("a training where there can be none, of bytes:", bytes);
    if (!r->values) {
        if (bytes == 0 || bytes > s->log.end || bytes > SIZE_MAX) return corrupt("a training of bytes:", bytes);
        r->values = gv_alloc(&s->heap, (size_t)bytes);
        if (!r->values) return gv_last_status();
        r->value_bytes = (size_t)bytes;
    }
    if (bytes != r->value_bytes || from != r->value_end || size == 0 || size > r->value_bytes - r->value_end)
        return corrupt("a training out of sequence, at byte", from);
    memcpy(r->values + from, *at + 20, size);
    r->value_end += size;
    *at += 20 + size;
    *rest -= 20 + size;
    if (r->value_end < r->value_bytes) return GV_OK;
    GV_TRY(training->restore(s->index, r->values, r->value_bytes));
    training->adopt(s->index, NULL);
    drop_values(r);
    return GV_OK;
}

#if GV_HAS_KEYS
static GV_Status recover_keys(GV_Store *s, const uint8_t **at, size_t *rest)
{
    size_t size = 0;
    if (gv_keys_check(*at, *rest, &size) != GV_OK) return corrupt("a list of keys that cannot be, in bytes:", *rest);
    uint8_t *list = gv_alloc(&s->heap, size);
    if (!list) return gv_last_status();
    memcpy(list, *at, size);
    gv_terms_declare(&s->terms, list, size);
    if (gv_keys_count(list) == 0) gv_terms_declare(&s->terms, NULL, 0);
    *at += size;
    *rest -= size;
    return GV_OK;
}
#else
static GV_Status recover_keys(GV_Store *s, const uint8_t **at, size_t *rest)
{
    (void)s, (void)at, (void)rest;
    return gv_refuse_keys();
}
#endif

static GV_Status visit(void *context, GV_FrameType type, bool commits, const uint8_t *at, size_t rest)
{
    Recovery *r = context;
    if (type == GV_FRAME_PATCH)
        return r->in_group ? corrupt("a patch within a group, type", type) : recover_patches(r, at, rest);
    if (!r->in_group) GV_TRY(finish_group(r));
    r->in_group = !commits;
    if (r->values && type != GV_FRAME_TRAIN) return corrupt("a training without its end, before type", type);
    while (rest > 0) {
        switch (type) {
        case GV_FRAME_ADD: GV_TRY(recover_row(r, &at, &rest)); break;
        case GV_FRAME_DELETE: GV_TRY(recover_delete(r->store, &at, &rest)); break;
        case GV_FRAME_UPDATE: GV_TRY(recover_update(r, &at, &rest)); break;
        case GV_FRAME_METADATA: GV_TRY(recover_metadata(r->store, &at, &rest)); break;
        case GV_FRAME_TRAIN: GV_TRY(recover_training(r, &at, &rest)); break;
        case GV_FRAME_KEYS: GV_TRY(recover_keys(r->store, &at, &rest)); break;
        case GV_FRAME_PATCH:
        default: return corrupt("a frame of unknown type", (uint64_t)type);
        }
    }
    return commits ? gv_store_order_steps(r->store) : GV_OK;
}

GV_Status gv_store_recover(GV_Store *s, uint64_t start, uint64_t end)
{
    Recovery r = {.store = s};
    s->log.end = end; /* no record is longer */
    GV_TRY(gv_room_new(&s->table, &s->scratch_heap, &r.room));
    GV_Status status = gv_log_replay(s->vfs, s->file, &s->heap, s->generation, start, end, visit, &r);
    if (status == GV_OK && r.values) status = corrupt("a training without its end, of bytes:", r.value_bytes);
    drop_values(&r);
    gv_room_free(&s->table, &s->scratch_heap, r.room);
    return status == GV_OK ? finish_group(&r) : status;
}
