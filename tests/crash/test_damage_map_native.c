/* test_damage_map_native.c: without it a damaged file could crash a process that maps it, or be believed: mapped blocks are
 * verified at their first touch only, so that here a search or a read must be what notices.
 *
 * test_damage_map_native [stride [seed]]: every `stride`-th byte that holds something. */
#include "base/bytes.h"
#include "base/random.h"
#include "check.h"
#include "record.h"
#include "reseal.h"
#include "samples.h"
#include "storage/format.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static size_t stride = 1;
static uint64_t seed = 20240607;
static char folder[256], path[280];

static void put_file(const uint8_t *bytes, size_t size)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0, "%s", path);
    CHECK(write(fd, bytes, size) == (ssize_t)size, "%zu bytes", size);
    close(fd);
}

static void put_bytes(int fd, const uint8_t *bytes, size_t size, size_t at)
{
    CHECK(pwrite(fd, bytes, size, (off_t)at) == (ssize_t)size, "byte %zu", at);
}

static void judge(const Sample *sample, size_t at, bool is_cut, uint64_t verdicts[4])
{
    Verdict verdict = sample_judge(sample, gv_vfs_default(), path, true);
    bool may_be_earlier = sample->kind == SAMPLE_KILLED && at >= (is_cut ? sample->log_start : sample->synced_to);
    CHECK(verdict == VERDICT_ERROR || verdict == VERDICT_RIGHT || (verdict == VERDICT_EARLIER && may_be_earlier),
          "%s: %s %zu: %s", sample->name, is_cut ? "cut at" : "damaged at offset", at, verdict_reason);
    verdicts[verdict]++;
}

static void damage_bytes(const Sample *sample, uint64_t verdicts[4])
{
    put_file(sample->bytes, sample->size);
    int fd = open(path, O_RDWR);
    CHECK(fd >= 0, "%s", path);
    for (size_t at = 0, held = 0; at < sample->size; at++) {
        uint8_t was = sample->bytes[at], now = (uint8_t)(was ^ 1u << gv_random(seed, at) % 8);
        size_t step = was ? stride : 7 * stride; /* most zeros are padding */
        if (held++ % step != 0) continue;
        put_bytes(fd, &now, 1, at);
        judge(sample, at, false, verdicts);
        put_bytes(fd, &was, 1, at);
    }
    close(fd);
}

static void cut_short(const Sample *sample, uint64_t verdicts[4])
{
    put_file(sample->bytes, sample->size);
    for (size_t size = sample->size; size > 0; size -= size < 4 * stride ? size : 4 * stride) {
        CHECK(truncate(path, (off_t)size) == 0, "%zu", size);
        if (size < sample->size) judge(sample, size, true, verdicts);
    }
}

/* Small numbers all over the sections, and right checksums. */
static void attack(const Sample *sample, uint64_t rounds)
{
    uint8_t *bytes = test_alloc(sample->size);
    uint64_t slots = gv_get_u32(sample->bytes + 36), draws = 0;
    size_t table = (size_t)gv_get_u64(sample->bytes + 88), sections = gv_get_u32(sample->bytes + 12);
    for (uint64_t round = 0; round < rounds; round++) {
        memcpy(bytes, sample->bytes, sample->size);
        for (uint64_t count = 1 + gv_random(seed, draws++) % 4; count > 0; count--) {
            const uint8_t *entry = sample->bytes + table + 32 * (gv_random(seed, draws++) % sections);
            uint64_t length = gv_get_u64(entry + 16);
            if (length < 4) continue;
            size_t at = (size_t)(gv_get_u64(entry + 8) + gv_random(seed, draws++) % (length / 4) * 4);
            uint64_t draw = gv_random(seed, draws++);
            gv_put_u32(bytes + at, (uint32_t)(draw % 4 ? (draw >> 8) % (slots + 2) : draw >> 16));
        }
        reseal_sections(bytes, sample->size);
        put_file(bytes, sample->size);
        sample_read(gv_vfs_default(), path);
    }
    free(bytes);
}

static void damage(GV_IndexType index_type, SampleKind kind)
{
    Sample sample;
    uint64_t verdicts[4] = {0}, rounds = 3000 / stride;
    sample_make(&sample, index_type, kind);
    put_file(sample.bytes, sample.size);
    CHECK(sample_judge(&sample, gv_vfs_default(), path, true) == VERDICT_RIGHT, "%s: %s", sample.name, verdict_reason);
    damage_bytes(&sample, verdicts);
    cut_short(&sample, verdicts);
    attack(&sample, rounds);
    printf("%s, mapped: damaged or cut: %llu refused, %llu right, %llu earlier states at the end of a log; %llu files "
           "with false numbers\n",
           sample.name, (unsigned long long)verdicts[0], (unsigned long long)verdicts[1],
           (unsigned long long)verdicts[2], (unsigned long long)rounds);
    fflush(stdout);
    sample_free(&sample);
}

int main(int argc, char **argv)
{
    const char *parent = getenv("TMPDIR");
    if (argc > 1) stride = (size_t)strtoul(argv[1], NULL, 10);
    if (argc > 2) seed = strtoull(argv[2], NULL, 10);
    if (stride == 0) stride = 1;
    snprintf(folder, sizeof folder, "%s/gigavector-map-XXXXXX", parent ? parent : ".");
    CHECK(mkdtemp(folder), "no folder %s", folder);
    snprintf(path, sizeof path, "%s/sample.gv", folder);
    for (int kind = 0; kind < SAMPLE_KINDS; kind += 2) {
        damage(GV_INDEX_TYPE_FLAT, (SampleKind)kind);
        damage(GV_INDEX_TYPE_HNSW, (SampleKind)kind);
        damage(GV_INDEX_TYPE_IVFPQ, (SampleKind)kind);
        damage((GV_IndexType)WORKLOAD_DROPPED, (SampleKind)kind);
    }
    (void)unlink(path);
    CHECK(rmdir(folder) == 0, "%s is not empty", folder);
    return 0;
}
