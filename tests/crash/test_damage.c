/* test_damage.c: without it a flipped bit, a file cut short or a file made with malice could crash the process, make it
 * allocate without bound, or be believed: every byte and every length of small files is damaged, and then, with all
 * checksums made right again, every number in them.
 *
 * test_damage [factor [seed]]: with factor 0 a seventh of the bytes, for slow machines. */
#include "base/bytes.h"
#include "base/random.h"
#include "check.h"
#include "record.h"
#include "reseal.h"
#include "samples.h"
#include "storage/format.h"
#include <string.h>
#include <time.h>

static unsigned factor = 1;
static uint64_t seed = 20240607;

typedef struct Tally {
    uint64_t verdicts[4], unread, opened, refused;
    double slowest_s;
} Tally;

static void expect_quick(Tally *tally, clock_t begin, const Sample *sample, size_t at)
{
    double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
    if (seconds > tally->slowest_s) tally->slowest_s = seconds;
    CHECK(seconds < 2.0, "%s: %.1f s at offset %zu", sample->name, seconds, at);
}

/* ---- accidents: bytes and lengths ---- */

/* Where an earlier state may be shown instead of an error: the end of a file that was not closed. */
static bool may_be_earlier(const Sample *sample, size_t at, bool is_cut)
{
    return sample->kind == SAMPLE_KILLED && at >= (is_cut ? sample->log_start : sample->synced_to);
}

static void judge(const Sample *sample, const BytesVfs *vfs, size_t at, bool is_cut, Tally *tally)
{
    clock_t begin = clock();
    Verdict verdict = sample_judge(sample, &vfs->vfs, "sample", false);
    CHECK(verdict == VERDICT_ERROR || verdict == VERDICT_RIGHT ||
              (verdict == VERDICT_EARLIER && may_be_earlier(sample, at, is_cut)),
          "%s: %s %zu: %s", sample->name, is_cut ? "cut at" : "damaged at offset", at,
          verdict == VERDICT_EARLIER ? "an earlier state" : verdict_reason);
    tally->verdicts[verdict]++;
    expect_quick(tally, begin, sample, at);
}

static void damage_bytes(Sample *sample, Tally *tally)
{
    BytesVfs vfs;
    bytes_vfs_init(&vfs, sample->bytes, sample->size);
    vfs.read = test_alloc(sample->size);
    CHECK(sample_judge(sample, &vfs.vfs, "sample", false) == VERDICT_RIGHT, "%s: %s", sample->name, verdict_reason);
    uint8_t *read = vfs.read;
    vfs.read = NULL;
    for (size_t at = 0; at < sample->size; at++) {
        uint8_t was = sample->bytes[at], flipped = (uint8_t)(was ^ 1u << gv_random(seed, at) % 8);
        const uint8_t values[] = {flipped, 0x00, 0xFF};
        if (!read[at]) tally->unread++;
        if ((!read[at] || factor == 0) && gv_random(seed, at) / 8 % 7 != 0) continue; /* what nobody reads: a sample */
        for (size_t i = 0; i < (read[at] ? sizeof values : 1); i++) {
            if (values[i] == was) continue;
            sample->bytes[at] = values[i];
            judge(sample, &vfs, at, false, tally);
        }
        sample->bytes[at] = was;
    }
    free(read);
}

static void cut_short(Sample *sample, Tally *tally)
{
    BytesVfs vfs;
    for (size_t size = 0; size < sample->size; size += factor ? 1 : 7) {
        bytes_vfs_init(&vfs, sample->bytes, size);
        judge(sample, &vfs, size, true, tally);
    }
}

/* ---- malice: numbers behind right checksums ---- */

typedef enum Region {
    REGION_SUPERBLOCK,
    REGION_TABLE,
    REGION_SECTIONS,
    REGION_LOG,
    REGION_MARK
} Region;

typedef struct Attack {
    const Sample *sample;
    uint8_t *bytes; /* to be changed and put back */
    Region region;
    size_t frame; /* REGION_LOG: its offset */
    Tally *tally;
} Attack;

static void reseal(const Attack *a, uint8_t *bytes)
{
    switch (a->region) {
    case REGION_SUPERBLOCK: reseal_superblock(bytes); break;
    case REGION_TABLE: reseal_table(bytes, a->sample->size); break;
    case REGION_SECTIONS: reseal_sections(bytes, a->sample->size); break;
    case REGION_LOG: reseal_frame(bytes, a->sample->size, a->frame); break;
    case REGION_MARK: reseal_mark(bytes); break;
    }
}

static void strike(const Attack *a, size_t at, uint64_t value, size_t width)
{
    if (memcmp(a->sample->bytes + at, &value, width) == 0) return; /* little-endian, as the tests' machines are */
    memcpy(a->bytes + at, &value, width);
    reseal(a, a->bytes);
    clock_t begin = clock();
    if (sample_exercise(a->bytes, a->sample->size)) a->tally->opened++;
    else a->tally->refused++;
    expect_quick(a->tally, begin, a->sample, at);
    memory_expect_bounded(a->sample->size);
    memcpy(a->bytes, a->sample->bytes, a->sample->size);
}

static void strike_u32(const Attack *a, size_t at)
{
    uint32_t was = gv_get_u32(a->sample->bytes + at), slots = gv_get_u32(a->sample->bytes + 36);
    const uint32_t values[] = {0, 1, UINT32_MAX, INT32_MAX, was - 1, was + 1, slots - 1, slots, was ^ 0x80000000u};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) strike(a, at, values[i], 4);
}

static void strike_u64(const Attack *a, size_t at)
{
    uint64_t was = gv_get_u64(a->sample->bytes + at);
    const uint64_t values[] = {0,       1,       UINT64_MAX, INT64_MAX, was - 1, was + 1, (uint64_t)1 << 32,
                               was * 2, was / 2, was + 4096, was - 4096};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) strike(a, at, values[i], 8);
}

static void strike_range(const Attack *a, size_t from, size_t to, size_t step)
{
    if (factor == 0) step *= 5;
    for (size_t at = from; at + 4 <= to; at += step) strike_u32(a, at);
    for (size_t at = from; at + 8 <= to; at += 2 * step) strike_u64(a, at);
}

static void attack_image(Attack *a)
{
    const uint8_t *bytes = a->sample->bytes;
    size_t table = (size_t)gv_get_u64(bytes + 88), sections = gv_get_u32(bytes + 12);
    a->region = REGION_SUPERBLOCK;
    strike_range(a, 8, 152, 4);
    a->region = REGION_MARK;
    strike_range(a, GV_CLEAN_MARK_OFFSET + 8, GV_CLEAN_MARK_OFFSET + 24, 4);
    a->region = REGION_TABLE;
    strike_range(a, table, table + (size_t)gv_get_u64(bytes + 96), 4);
    a->region = REGION_SECTIONS;
    for (size_t i = 0; i < sections; i++) {
        const uint8_t *entry = bytes + table + 32 * i;
        size_t from = (size_t)gv_get_u64(entry + 8), to = from + (size_t)gv_get_u64(entry + 16);
        strike_range(a, from, to, gv_get_u32(entry) == GV_SECTION_ROWS ? 44 : 4);
    }
}

static void attack_log(Attack *a)
{
    const uint8_t *bytes = a->sample->bytes;
    size_t size = a->sample->size;
    a->region = REGION_LOG;
    for (a->frame = (size_t)a->sample->log_start; a->frame < size; a->frame = next_frame(bytes, size, a->frame))
        strike_range(a, a->frame, next_frame(bytes, size, a->frame), 4);
}

/* A few numbers at once, mostly small ones: such as might be slots, levels, counts and offsets. */
static void attack_at_random(Attack *a, uint64_t rounds)
{
    const uint8_t *bytes = a->sample->bytes;
    uint64_t slots = gv_get_u32(bytes + 36), draws = 0;
    for (uint64_t round = 0; round < rounds; round++) {
        for (uint64_t count = 1 + gv_random(seed + round, draws++) % 6; count > 0; count--) {
            size_t at = GV_IMAGE_OFFSET +
                        (size_t)(gv_random(seed + round, draws++) % (a->sample->size - GV_IMAGE_OFFSET - 8));
            uint64_t draw = gv_random(seed + round, draws++);
            while (bytes[at] == 0 && draw % 8 != 0 && at < a->sample->size - 8) at++; /* padding is of no interest */
            at = at / 4 * 4;
            gv_put_u32(a->bytes + at, (uint32_t)(draw % 4 ? (draw >> 8) % (slots + 2) : draw >> 16));
        }
        size_t table = (size_t)gv_get_u64(bytes + 88);
        memcpy(a->bytes + table, bytes + table, (size_t)gv_get_u64(bytes + 96));
        reseal_sections(a->bytes, a->sample->size);
        for (size_t at = (size_t)a->sample->log_start; at + GV_FRAME_HEADER_BYTES <= a->sample->size;
             at = next_frame(bytes, a->sample->size, at)) {
            memcpy(a->bytes + at, bytes + at, draws % 4 ? GV_FRAME_HEADER_BYTES : 4);
            reseal_frame(a->bytes, a->sample->size, at);
        }
        if (sample_exercise(a->bytes, a->sample->size)) a->tally->opened++;
        else a->tally->refused++;
        memory_expect_bounded(a->sample->size);
        memcpy(a->bytes, bytes, a->sample->size);
    }
}

static void damage(GV_IndexType index_type, SampleKind kind)
{
    Sample sample;
    Tally tally = {0};
    sample_make(&sample, index_type, kind);
    damage_bytes(&sample, &tally);
    cut_short(&sample, &tally);
    memory_expect_bounded(sample.size);
    printf("%s: %zu bytes (%llu that nobody reads): damaged or cut %llu times: %llu refused, %llu right, %llu earlier "
           "states at the end of a log\n",
           sample.name, sample.size, (unsigned long long)tally.unread,
           (unsigned long long)(tally.verdicts[0] + tally.verdicts[1] + tally.verdicts[2]),
           (unsigned long long)tally.verdicts[VERDICT_ERROR], (unsigned long long)tally.verdicts[VERDICT_RIGHT],
           (unsigned long long)tally.verdicts[VERDICT_EARLIER]);
    fflush(stdout);
    if (kind != SAMPLE_PACKED) {
        Attack attack = {.sample = &sample, .bytes = test_alloc(sample.size), .tally = &tally};
        memcpy(attack.bytes, sample.bytes, sample.size);
        if (kind == SAMPLE_CLOSED) attack_image(&attack);
        else attack_log(&attack);
        attack_at_random(&attack, factor ? 4000 * factor : 1000);
        free(attack.bytes);
        printf("%s: %llu files with false numbers and right checksums: %llu refused, %llu opened and lived with; the "
               "slowest took %.3f s\n",
               sample.name, (unsigned long long)(tally.refused + tally.opened), (unsigned long long)tally.refused,
               (unsigned long long)tally.opened, tally.slowest_s);
        fflush(stdout);
    }
    sample_free(&sample);
}

int main(int argc, char **argv)
{
    if (argc > 1) factor = (unsigned)strtoul(argv[1], NULL, 10);
    if (argc > 2) seed = strtoull(argv[2], NULL, 10);
    memory_watch();
    for (int kind = 0; kind < SAMPLE_KINDS; kind++) {
        damage(GV_INDEX_TYPE_FLAT, (SampleKind)kind);
        damage(GV_INDEX_TYPE_HNSW, (SampleKind)kind);
        damage(GV_INDEX_TYPE_IVFPQ, (SampleKind)kind);
        damage((GV_IndexType)WORKLOAD_DROPPED, (SampleKind)kind);
        damage(GV_INDEX_TYPE_SPARSE, (SampleKind)kind);
    }
    printf("seed %llu\n", (unsigned long long)seed);
    return 0;
}
