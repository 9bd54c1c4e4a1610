/* test_log.c: without it, a torn end could be taken for damage (a database that will not open) or damage for a torn end
 * (acknowledged rows silently gone). */
#include "base/bytes.h"
#include "check.h"
#include "storage/frame.h"
#include "storage/log.h"
#include <string.h>

enum {
    START = 4096,
    GENERATION = 7
};

static GV_Vfs *vfs;
static GV_File *file;
static GV_Heap heap;

static uint64_t file_size(void)
{
    uint64_t size;
    CHECK_OK(vfs->size(file, &size));
    return size;
}

static GV_Status put(GV_Log *log, uint64_t value, size_t size)
{
    uint8_t *record;
    GV_TRY(gv_log_record(log, GV_FRAME_DELETE, size, &record));
    memset(record, 0, size);
    gv_put_u64(record, value);
    return GV_OK;
}

/* One group of `records` records; returns where it ends. */
static uint64_t group(GV_Log *log, uint64_t value, size_t records, size_t size, bool sync)
{
    CHECK_OK(gv_log_begin(log));
    for (size_t i = 0; i < records; i++) CHECK_OK(put(log, value + i, size));
    CHECK_OK(gv_log_commit(log, sync));
    return log->end;
}

static GV_Status scan(uint64_t clean_end, GV_LogScan *out)
{
    return gv_log_scan(vfs, file, &heap, GENERATION, START, file_size(), clean_end, out);
}

typedef struct Seen {
    uint64_t records, sum;
    size_t frames;
} Seen;

static GV_Status count(void *context, GV_FrameType type, bool commits, const uint8_t *payload, size_t size)
{
    Seen *seen = context;
    (void)type;
    (void)commits;
    seen->frames++;
    for (size_t at = 0; at + 8 <= size; at += 8, seen->records++) seen->sum += gv_get_u64(payload + at);
    return GV_OK;
}

static void fresh(GV_Log *log)
{
    CHECK_OK(vfs->truncate(file, 0));
    CHECK_OK(vfs->truncate(file, START));
    memset(log, 0, sizeof *log);
    log->heap = &heap;
    gv_log_attach(log, vfs, file, GENERATION, START, START, 1);
}

static void flip(uint64_t at)
{
    uint8_t byte;
    size_t got;
    CHECK_OK(vfs->read(file, at, &byte, 1, &got));
    byte ^= 0x10;
    CHECK_OK(vfs->write(file, at, &byte, 1));
}

static void test_round_trip(void)
{
    GV_Log log;
    GV_LogScan found;
    Seen seen = {0};
    fresh(&log);
    group(&log, 1, 3, 8, true);
    group(&log, 100, 100000, 8, true); /* several frames */
    uint64_t end = group(&log, 5, 1, 8, false);
    CHECK_OK(scan(0, &found));
    CHECK(found.end == end && found.groups == 3 && found.cut_bytes == 0, "end %zu, groups %zu", (size_t)found.end,
          (size_t)found.groups);
    CHECK(found.next_sequence == log.next_sequence, "sequence %zu", (size_t)found.next_sequence);
    CHECK_OK(gv_log_replay(vfs, file, &heap, GENERATION, START, end, count, &seen));
    CHECK(seen.records == 100004 && seen.sum == 6 + 100ull * 100000 + 99999ull * 50000 + 5 && seen.frames >= 5,
          "%zu records in %zu frames", (size_t)seen.records, seen.frames);
    gv_log_free(&log);
}

/* Whatever part of the last, unsynced group is missing or wrong: the groups before it stand. */
static void test_torn_end(void)
{
    GV_Log log;
    GV_LogScan found;
    fresh(&log);
    group(&log, 1, 2, 8, true);
    uint64_t whole = group(&log, 10, 2, 8, true), end = group(&log, 20, 3, 8, false);
    for (uint64_t size = whole; size < end; size++) {
        CHECK_OK(vfs->truncate(file, size));
        CHECK_OK(scan(0, &found));
        CHECK(found.end == whole && found.groups == 2 && found.cut_bytes == size - whole, "cut at %zu", (size_t)size);
    }
    CHECK_OK(vfs->truncate(file, end)); /* right length, zeros */
    CHECK_OK(scan(0, &found));
    CHECK(found.end == whole && found.cut_bytes == end - whole, "zeros");
    gv_log_free(&log);
}

/* A flip in any byte that a later frame says was synced, or that the clean-close mark covers. */
static void test_damage(void)
{
    GV_Log log;
    GV_LogScan found;
    fresh(&log);
    group(&log, 1, 2, 8, true);
    uint64_t second = group(&log, 10, 2, 8, true), end = group(&log, 20, 1, 8, true);
    for (uint64_t at = START; at < second; at++) {
        flip(at);
        GV_Status status = scan(0, &found);
        CHECK(status == GV_ERR_CORRUPT && strstr(gv_last_error(), "offset"), "byte %zu: %s", (size_t)at,
              gv_status_name(status));
        flip(at);
    }
    for (uint64_t at = second; at < end; at++) { /* the last group: torn without a mark, damage with one */
        flip(at);
        CHECK_OK(scan(0, &found));
        CHECK(found.end == second, "byte %zu", (size_t)at);
        CHECK(scan(end, &found) == GV_ERR_CORRUPT, "byte %zu with a clean-close mark", (size_t)at);
        flip(at);
    }
    CHECK_OK(scan(end, &found));
    CHECK_OK(vfs->truncate(file, second));
    CHECK(scan(end, &found) == GV_ERR_CORRUPT, "a file shorter than its clean-close mark");
    gv_log_free(&log);
}

/* An aborted group leaves no byte and no gap in the sequence, written out or not. */
static void test_abort(void)
{
    GV_Log log;
    GV_LogScan found;
    for (int deferred = 0; deferred < 2; deferred++) {
        fresh(&log);
        log.deferred = deferred;
        uint64_t end = group(&log, 1, 2, 8, false);
        CHECK_OK(gv_log_begin(&log));
        for (size_t i = 0; i < 300000; i++) CHECK_OK(put(&log, i, 8)); /* passes several frames */
        gv_log_abort(&log);
        CHECK(log.end == end && !log.failed, "end %zu", (size_t)log.end);
        end = group(&log, 9, 1, 8, true);
        CHECK(file_size() == end, "%zu bytes, end %zu", (size_t)file_size(), (size_t)end);
        CHECK_OK(scan(0, &found));
        CHECK(found.end == end && found.groups == 2, "deferred %d: %zu groups", deferred, (size_t)found.groups);
        gv_log_free(&log);
    }
}

/* A file of nothing but frame headers must not cost more than a few times its size. */
static void test_false_headers(void)
{
    GV_Log log;
    GV_LogScan found;
    fresh(&log);
    enum {
        FRAMES = 20000
    };
    uint8_t head[GV_FRAME_HEADER_BYTES] = {0};
    for (uint64_t i = 0; i < FRAMES; i++) {
        GV_FrameHeader header = {GV_FRAME_ADD, 0, 2 + i, 1, 700000};
        gv_put_u32(head, GV_FRAME_MAGIC);
        gv_put_u16(head + 4, header.type);
        gv_put_u64(head + 8, header.sequence);
        gv_put_u64(head + 16, header.synced_to);
        gv_put_u32(head + 24, header.payload_bytes);
        CHECK_OK(vfs->write(file, START + i * sizeof head, head, sizeof head));
    }
    CHECK(scan(0, &found) == GV_ERR_CORRUPT, "a log of false headers was taken");
    gv_log_free(&log);
}

int main(void)
{
    vfs = gv_vfs_memory_new();
    CHECK(vfs, "no memory");
    CHECK_OK(vfs->open(vfs->context, "log", GV_FILE_CREATE, &file));
    test_round_trip();
    test_torn_end();
    test_damage();
    test_abort();
    test_false_headers();
    vfs->close(file);
    gv_vfs_memory_free(vfs);
    CHECK(heap.used_bytes == 0, "%zu bytes left", (size_t)heap.used_bytes);
    puts("log: 5 groups passed");
    return 0;
}
