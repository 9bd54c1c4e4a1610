/* declared_keys.c: the keys that a user declares to be indexed. The small WebAssembly module has no index over metadata, and of these calls the
 * names only. */
#include "api/db.h"
#include "api/write.h"
#include <string.h>

#if GV_HAS_KEYS
static GV_Status measure(const char *const *keys, size_t count, size_t *size)
{
    *size = 4;
    if (count > GV_KEYS_MOST)
        return gv_fail(GV_ERR_ARGUMENT, "%zu keys, at most %d can be indexed", count, GV_KEYS_MOST);
    if (count > 0 && !keys) return gv_fail(GV_ERR_ARGUMENT, "keys is NULL, count is %zu", count);
    for (size_t i = 0; i < count; i++) {
        if (!keys[i]) return gv_fail(GV_ERR_ARGUMENT, "key %zu is NULL", i);
        *size += 4 + strlen(keys[i]);
        if (*size > GV_METADATA_ROW_MAX)
            return gv_fail(GV_ERR_ARGUMENT, "keys: more than the %d bytes allowed for all", GV_METADATA_ROW_MAX);
    }
    return GV_OK;
}

static GV_Status pack(GV_Heap *heap, const char *const *keys, size_t count, size_t size, uint8_t **list)
{
    uint8_t *at = *list = gv_alloc(heap, size);
    if (!at) return gv_last_status();
    gv_put_u32(at, (uint32_t)count);
    at += 4;
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(keys[i]);
        gv_put_u32(at, (uint32_t)length);
        memcpy(at + 4, keys[i], length);
        at += 4 + length;
    }
    GV_Status status = gv_keys_check(*list, size, &size);
    if (status != GV_OK) gv_release(heap, *list, size);
    return status;
}

static bool is_declared(const GV_Terms *terms, const uint8_t *list, size_t size)
{
    if (!terms->declared) return gv_keys_count(list) == 0;
    return terms->declared_bytes == size && memcmp(terms->declared, list, size) == 0;
}

static GV_Status log_list(GV_Database *db, const uint8_t *list, size_t size)
{
    GV_Log *log = &db->store->log;
    if (!log->vfs) return GV_OK;
    GV_TRY(gv_log_begin(log));
    return gv_commit_group(db, gv_record_keys(log, list, size));
}

/* By the writer. */
static GV_Status declare(GV_Database *db, const char *const *keys, size_t count, size_t size)
{
    GV_Store *s = db->store;
    uint8_t *list;
    GV_TRY(pack(&s->heap, keys, count, size, &list));
    bool changes = !is_declared(&s->terms, list, size);
    GV_Status status = changes ? log_list(db, list, size) : GV_OK;
    if (status != GV_OK || !changes || count == 0) gv_release(&s->heap, list, size);
    if (status != GV_OK || !changes) return status;
    gv_write_lock(&db->state);
    gv_terms_declare(&s->terms, count > 0 ? list : NULL, count > 0 ? size : 0);
    gv_write_unlock(&db->state);
    return GV_OK;
}

static void take_rows_in(GV_Database *db)
{
    bool done = false;
    for (size_t from = 0; !done;) {
        gv_read_lock(&db->state);
        done = gv_terms_catch_up_declared(&db->store->terms, &from, GV_TERMS_A_STEP);
        gv_read_unlock(&db->state);
    }
}

GV_Status gv_db_index_keys(GV_Database *db, const char *const *keys, size_t count)
{
    size_t size;
    GV_TRY(gv_enter_writer(db));
    GV_Status status = measure(keys, count, &size);
    if (status == GV_OK) status = gv_begin_write(db);
    if (status == GV_OK) {
        status = declare(db, keys, count, size);
        gv_end_write(db);
    }
    if (status == GV_OK) take_rows_in(db);
    gv_leave(db);
    return status;
}

/* Pointers, then the strings that they point to. */
static GV_Status copy_out(const uint8_t *list, size_t bytes, char ***keys, size_t *count)
{
    GV_Key key;
    size_t pointers = gv_keys_count(list) * sizeof **keys;
    char **out = gv_alloc(NULL, pointers + bytes); /* each key has four bytes before it there, and one behind it here */
    if (!out) return gv_last_status();
    char *text = (char *)out + pointers;
    for (size_t i = 0; gv_keys_at(list, i, &key); i++) {
        out[i] = text;
        memcpy(text, key.bytes, key.size);
        text += key.size + 1;
    }
    *keys = out;
    *count = gv_keys_count(list);
    return GV_OK;
}

GV_Status gv_db_indexed_keys(GV_Database *db, char ***keys, size_t *count)
{
    if (!keys || !count) return gv_fail(GV_ERR_ARGUMENT, "indexed_keys: keys or count is NULL");
    *keys = NULL;
    *count = 0;
    GV_TRY(gv_enter(db));
    gv_read_lock(&db->state);
    const GV_Terms *terms = &db->store->terms;
    GV_Status status = copy_out(terms->declared, terms->declared_bytes, keys, count);
    gv_read_unlock(&db->state);
    gv_leave(db);
    return status;
}

#else
GV_Status gv_refuse_keys(void) { return gv_fail(GV_ERR_UNSUPPORTED, "declared keys need gigavector.all.wasm"); }

GV_Status gv_db_index_keys(GV_Database *db, const char *const *keys, size_t count)
{
    (void)db, (void)keys, (void)count;
    return gv_refuse_keys();
}

GV_Status gv_db_indexed_keys(GV_Database *db, char ***keys, size_t *count)
{
    (void)db;
    *keys = NULL;
    *count = 0;
    return GV_OK;
}
#endif
