/* images.c: choosing what becomes of each operation that was not synced. */
#include "images.h"
#include "base/random.h"
#include "check.h"
#include "seen.h"
#include <string.h>

enum {
    SUBSETS_MAX = 5, /* pending operations of which all subsets are tried */
    TEARS_MAX = 32   /* sectors of a write that is torn behind each */
};

typedef struct Search {
    Disk *disk;
    DiskNames names;
    uint64_t seed, draws;
    unsigned factor;
    ImageVisitor visit;
    void *context;
    DiskImage image; /* the one on offer */
    Seen seen;       /* hashes of images */
} Search;

static uint64_t draw(Search *s) { return gv_random(s->seed, s->draws++); }

/* ---- each image once ---- */

static uint64_t hash_image(const DiskImage *image)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < image->count; i++) {
        uint64_t one = hash_bytes(image->files[i].content.size + 1, image->files[i].path, strlen(image->files[i].path));
        hash += gv_mix64(
            hash_bytes(one, image->files[i].content.bytes, image->files[i].content.size)); /* in any order */
    }
    return hash;
}

static void offer(Search *s)
{
    disk_image(s->disk, &s->names, &s->image);
    s->image.hash = hash_image(&s->image);
    if (seen_first(&s->seen, s->image.hash)) s->visit(s->context, &s->image, s->disk);
}

/* ---- choosing ---- */

static void set_from(DiskFile *file, size_t from, FateKind kind)
{
    for (size_t i = from; i < file->count; i++) file->fates[i] = (Fate){kind, 0, 0};
}

static void set_all(Search *s, FateKind kind)
{
    for (size_t i = 0; i < s->disk->file_count; i++) set_from(&s->disk->files[i], 0, kind);
}

static size_t sectors_of(const Operation *write)
{
    if (write->kind != RECORD_WRITE || write->size == 0) return 0;
    return (size_t)((write->offset + write->size - 1) / DISK_SECTOR - write->offset / DISK_SECTOR + 1);
}

/* The write arrives in part: a first piece, scattered sectors, the length without the data, the data without it. */
static void tear(Search *s, const Operation *write, Fate *fate)
{
    size_t sectors = sectors_of(write);
    if (sectors == 0) return;
    for (size_t i = 1; i < sectors && i <= TEARS_MAX * s->factor; i++) {
        *fate = (Fate){FATE_TORN, sectors <= TEARS_MAX ? i : 1 + (size_t)(draw(s) % (sectors - 1)), 0};
        offer(s);
        fate->kind = FATE_HOLES;
        offer(s);
    }
    for (unsigned i = 0; sectors > 2 && i < 2 * s->factor; i++) {
        *fate = (Fate){i % 2 ? FATE_TORN : FATE_HOLES, 0, draw(s)};
        offer(s);
    }
    *fate = (Fate){FATE_HOLES, 0, 0};
    offer(s);
    *fate = (Fate){FATE_CLIPPED, 0, 0};
    offer(s);
    *fate = (Fate){FATE_KEPT, 0, 0};
}

static Fate random_fate(Search *s)
{
    uint64_t word = draw(s);
    switch (word % 8) {
    case 0: return (Fate){FATE_TORN, 0, draw(s)};
    case 1: return (Fate){FATE_HOLES, 0, draw(s)};
    case 2:
    case 3: return (Fate){FATE_DROPPED, 0, 0};
    default: return (Fate){FATE_KEPT, 0, 0};
    }
}

static void prefixes(Search *s, DiskFile *file, bool torn)
{
    set_from(file, 0, FATE_DROPPED);
    offer(s);
    for (size_t kept = 1; kept <= file->count; kept++) {
        file->fates[kept - 1] = (Fate){FATE_KEPT, 0, 0};
        offer(s);
        if (torn) tear(s, file->pending[kept - 1], &file->fates[kept - 1]);
    }
}

static void subsets(Search *s, DiskFile *file)
{
    for (size_t i = 0; i < file->count; i++) { /* each one alone is missing, or whole but for some sectors */
        file->fates[i].kind = FATE_DROPPED;
        offer(s);
        file->fates[i] = (Fate){FATE_HOLES, 0, draw(s)};
        offer(s);
        file->fates[i] = (Fate){FATE_KEPT, 0, 0};
    }
    bool all = file->count <= SUBSETS_MAX;
    size_t count = all ? (size_t)1 << file->count : 12 * (size_t)s->factor;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0, bits = all ? i : (size_t)draw(s); j <= file->count; j++, bits >>= 1) {
            if (j < file->count) file->fates[j] = (Fate){bits & 1 ? FATE_KEPT : FATE_DROPPED, 0, 0};
            else offer(s);
        }
    for (unsigned i = 0; i < 4 * s->factor; i++) {
        for (size_t j = 0; j < file->count; j++) file->fates[j] = random_fate(s);
        offer(s);
    }
    set_from(file, 0, FATE_KEPT);
}

/* What lies under the name of a file that is still being written only ever gets written over. */
static bool is_unfinished(const char *path)
{
    size_t length = strlen(path);
    return length > 4 && strcmp(path + length - 4, ".new") == 0;
}

static void vary_contents(Search *s)
{
    set_all(s, FATE_DROPPED);
    offer(s);
    for (size_t i = 0; i < s->names.count; i++) {
        DiskFile *file = &s->disk->files[s->names.at[i].file];
        if (file->count == 0) continue;
        set_all(s, FATE_DROPPED);
        prefixes(s, file, false);
        set_all(s, FATE_KEPT);
        prefixes(s, file, !is_unfinished(s->names.at[i].path));
        set_from(file, 0, FATE_KEPT);
        if (!is_unfinished(s->names.at[i].path)) subsets(s, file);
    }
    set_all(s, FATE_KEPT);
    offer(s);
}

size_t images_each(Disk *disk, uint64_t seed, unsigned factor, ImageVisitor visit, void *context)
{
    Search s = {.disk = disk, .seed = seed, .factor = factor, .visit = visit, .context = context};
    for (size_t kept = 0; kept <= disk->folder_count; kept++) {
        s.names = disk_names(disk, kept);
        vary_contents(&s);
    }
    size_t count = s.seen.count;
    seen_free(&s.seen);
    disk_image_free(&s.image);
    return count;
}

void images_print(const Disk *disk)
{
    static const char *const fates[] = {"kept", "dropped", "torn", "holes", "clipped"};
    for (size_t i = 0; i < disk->file_count; i++)
        for (size_t j = 0; j < disk->files[i].count; j++) {
            const Operation *operation = disk->files[i].pending[j];
            Fate fate = disk->files[i].fates[j];
            fprintf(stderr, "  file %zu: %s at %llu, %llu bytes: %s", i,
                    operation->kind == RECORD_WRITE ? "write" : "truncate", (unsigned long long)operation->offset,
                    (unsigned long long)operation->size, fates[fate.kind]);
            fprintf(stderr, " (first %zu, sectors %llx)\n", fate.first, (unsigned long long)fate.sectors);
        }
}
