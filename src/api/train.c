/* train.c: training an index that needs it: learn, log what was learned, then use it; or, where vectors are dropped, a file of codes in the
 * place of the one with vectors, so that no log ever goes from the one to the other. */
#include "api/db.h"

#if GV_HAS_IVFPQ
static GV_Status log_training(GV_Store *s, bool sync)
{
    const void *values;
    size_t bytes;
    if (!s->log.vfs) return GV_OK;
    values = s->index->ops->training->values(s->index, &bytes);
    GV_TRY(gv_log_begin(&s->log));
    GV_Status status = gv_record_training(&s->log, values, bytes);
    if (status == GV_OK) return gv_log_commit(&s->log, sync);
    gv_log_abort(&s->log);
    return status;
}

/* As the writer. */
static GV_Status train(GV_Database *db, const float *rows, size_t count, bool sync)
{
    GV_Store *s = db->store;
    const GV_TrainingOps *training = s->index->ops->training;
    if (!training) return gv_fail(GV_ERR_ARGUMENT, "train_ivfpq: the index is not IVFPQ and needs no training");
    GV_TRY(training->learn(s->index, rows, count));
    bool drops = s->settings.ivfpq.drop_vectors != 0;
    GV_Status status = drops ? gv_drop_vectors(db) : log_training(s, sync);
    if (status == GV_OK && !drops) training->adopt(s->index, &db->state);
    else if (db->store == s) training->discard(s->index);
    return status;
}

static GV_Status check_rows(const GV_Database *db, const float *rows, size_t count, size_t dimension)
{
    float norm;
    GV_TRY(gv_check_dimension(db, dimension));
    if (!rows && count > 0) return gv_fail(GV_ERR_ARGUMENT, "train_ivfpq: rows is NULL, count is %zu", count);
    if (rows && count == 0) return gv_fail(GV_ERR_ARGUMENT, "train_ivfpq: there are no rows to learn from");
    for (size_t i = 0; i < count; i++) GV_TRY(gv_check_vector(db, rows + i * dimension, dimension, i, &norm));
    return GV_OK;
}

GV_Status gv_db_ivfpq_train(GV_Database *db, const float *rows, size_t count, size_t dimension)
{
    GV_TRY(gv_enter_writer(db));
    GV_Status status = check_rows(db, rows, count, dimension);
    if (status == GV_OK) status = gv_begin_write(db);
    if (status == GV_OK) {
        status = train(db, rows, count, db->options.durability == GV_DURABILITY_COMMIT);
        gv_end_write(db);
    }
    gv_leave(db);
    return status;
}

/* Under the state lock, or as the writer: is training due? */
static bool is_due(const GV_Store *s)
{
    const GV_TrainingOps *training = s->index->ops->training;
    uint32_t wanted = s->settings.ivfpq.auto_train;
    if (!training || wanted == 0 || s->metric.distance == GV_DISTANCE_MANHATTAN) return false;
    return s->table.live_count >= wanted && !training->is_trained(s->index);
}

/* What this logs follows from the rows and need not be safe: whoever opens a file that lacks it trains again, to the bit. */
void gv_auto_train(GV_Database *db)
{
    gv_read_lock(&db->state);
    bool due = is_due(db->store);
    gv_read_unlock(&db->state);
    if (!due || gv_begin_write(db) != GV_OK) return;
    if (is_due(db->store)) (void)train(db, NULL, 0, false);
    gv_end_write(db);
}

#else
GV_Status gv_db_ivfpq_train(GV_Database *db, const float *rows, size_t count, size_t dimension)
{
    (void)rows, (void)count, (void)dimension;
    GV_TRY(gv_enter_writer(db));
    gv_leave(db);
    return gv_fail(GV_ERR_ARGUMENT, "train_ivfpq: the index is not IVFPQ and needs no training");
}

void gv_auto_train(GV_Database *db) { (void)db; }
#endif
