/* store.c: making and freeing a database's content. */
#include "api/store.h"
#include <string.h>

static GV_Status new_index(GV_Store *s)
{
    GV_IndexSetup setup = {.table = &s->table,
                           .metric = s->metric,
                           .heap = &s->heap,
                           .scratch_heap = &s->scratch_heap,
                           .seed = s->settings.seed,
                           .hnsw = s->settings.hnsw,
                           .ivfpq = s->settings.ivfpq,
                           .pool = s->settings.pool,
                           .threads = s->settings.threads};
    return gv_index_new(s->settings.index_type, &setup, &s->index);
}

GV_Status gv_store_new(const GV_Settings *settings, const GV_Vfs *vfs, GV_Store **out)
{
    *out = NULL;
    GV_Store *s = gv_alloc(NULL, sizeof *s);
    if (!s) return gv_last_status();
    if (gv_terms_init(&s->terms, &s->heap, &s->table)) {
        gv_release(NULL, s, sizeof *s);
        return gv_fail(GV_ERR_NO_MEMORY, "no memory for locks");
    }
    s->settings = *settings;
    s->vfs = vfs;
    s->metric = (GV_Metric){settings->kernels, settings->distance, settings->dimension, settings->storage};
    s->log.heap = &s->heap;
    s->superblock_copies = 2;
    gv_table_init(&s->table, &s->heap, settings->index_type == GV_INDEX_TYPE_SPARSE ? 0 : settings->dimension,
                  settings->storage);
    GV_Status status = new_index(s);
    if (status != GV_OK) {
        gv_store_free(s);
        return status;
    }
    *out = s;
    return GV_OK;
}

void gv_store_free(GV_Store *s)
{
    if (!s) return;
    if (s->index) s->index->ops->free(s->index);
    gv_terms_free(&s->terms);
    gv_table_free(&s->table);
    gv_release(&s->heap, s->patch.words, s->patch.capacity * sizeof *s->patch.words);
    gv_release(&s->heap, s->steps, s->step_capacity * sizeof *s->steps);
    gv_log_free(&s->log);
    if (s->image.heap) gv_image_close(&s->image);
    if (s->image.map)
        s->vfs->unmap(s->file, s->image.map, s->image.map_size); /* the file may be another store's by now */
    if (s->file) s->vfs->close(s->file);
    gv_release(NULL, s, sizeof *s);
}
