/* test_base.c: without it, a slip in counting memory, growing an array or finding an id would show only far above. */
#include "base/bitset.h"
#include "base/checked.h"
#include "base/crc32c.h"
#include "base/idmap.h"
#include "base/random.h"
#include "base/slab.h"
#include "base/text.h"
#include "base/topk.h"
#include "check.h"
#include <string.h>

static void test_memory(void)
{
    GV_Heap heap = {0};
    void *a = gv_alloc(&heap, 1000), *b = gv_alloc_lines(&heap, 1);
    CHECK(a && b, "no memory");
    CHECK(((uintptr_t)b & 63) == 0, "%p is not at a cache line", b);
    CHECK(heap.used_bytes == 1000 + 1 + 64 + sizeof(void *), "%zu bytes counted", (size_t)heap.used_bytes);
    heap.limit_bytes = 2000;
    CHECK(!gv_alloc(&heap, 1000) && gv_last_status() == GV_ERR_LIMIT, "%s", gv_status_name(gv_last_status()));
    CHECK(strstr(gv_last_error(), "max_memory_bytes is 2000"), "%s", gv_last_error());
    CHECK(!gv_alloc_array(&heap, SIZE_MAX / 2, 3) && gv_last_status() == GV_ERR_NO_MEMORY, "a product that wraps");
    gv_release(&heap, a, 1000);
    gv_release_lines(&heap, b, 1);
    CHECK(heap.used_bytes == 0, "%zu bytes left", (size_t)heap.used_bytes);
}

static void test_slab(void)
{
    enum {
        COUNT = 5000
    };
    GV_Heap heap = {0};
    GV_Slab slab;
    gv_slab_init(&slab, &heap, 12, 1024);
    for (size_t i = 0; i < COUNT; i++) {
        CHECK_OK(gv_slab_reserve(&slab, i + 1));
        uint32_t *element = gv_slab_at(&slab, i);
        CHECK(element[0] == 0 && element[2] == 0, "element %zu is not zero", i);
        element[0] = element[2] = (uint32_t)i;
    }
    for (size_t i = 0; i < COUNT; i++) CHECK(*(uint32_t *)gv_slab_at(&slab, i) == i, "element %zu moved", i);
    gv_slab_free(&slab);

    uint32_t base[3 * 100];
    for (uint32_t i = 0; i < 300; i++) base[i] = i;
    gv_slab_init(&slab, &heap, 12, 200);
    CHECK_OK(gv_slab_borrow(&slab, base, 100));
    CHECK_OK(gv_slab_reserve(&slab, 140));
    for (size_t i = 0; i < 100; i++) CHECK(*(uint32_t *)gv_slab_at(&slab, i) == 3 * i, "borrowed element %zu", i);
    CHECK(gv_slab_at(&slab, 0) == (void *)base && gv_slab_at(&slab, 99) != (void *)(base + 297), "who owns what");
    gv_slab_free(&slab);
    CHECK(heap.used_bytes == 0, "%zu bytes left", (size_t)heap.used_bytes);
}

static void test_bitset(void)
{
    GV_Heap heap = {0};
    GV_Bitset set = {0};
    CHECK_OK(gv_bitset_reserve(&set, &heap, 3000, NULL));
    for (size_t i = 0; i < 3000; i += 7) gv_bitset_set(&set, i);
    CHECK(gv_bitset_count(&set) == 429, "%zu bits", gv_bitset_count(&set));
    CHECK(gv_bitset_next_set(&set, 8, 3000) == 14 && gv_bitset_next_set(&set, 2997, 3000) == 3000, "next set");
    CHECK(gv_bitset_next_clear(&set, 14, 3000) == 15 && gv_bitset_next_clear(&set, 15, 3000) == 15, "next clear");
    for (size_t i = 0; i < 128; i++) gv_bitset_set(&set, i);
    CHECK(gv_bitset_next_clear(&set, 0, 100) == 100 && gv_bitset_next_clear(&set, 0, 3000) == 128, "end of a run");
    gv_bitset_clear(&set, 64);
    CHECK(gv_bitset_next_clear(&set, 0, 3000) == 64, "a hole");
    gv_bitset_free(&set, &heap);
    CHECK(heap.used_bytes == 0, "%zu bytes left", (size_t)heap.used_bytes);
}

/* One entry an id, each once; with room for more it is a map as any other. */
static void test_direct_idmap(GV_Heap *heap, GV_Slab *ids)
{
    enum {
        ROWS = 500,
        IDS = 2 * ROWS
    };
    GV_IdMap map;
    CHECK_OK(gv_idmap_make_direct(&map, heap, IDS));
    for (uint32_t slot = 0; slot < ROWS; slot++) {
        *(uint64_t *)gv_slab_at(ids, slot) = (uint64_t)(ROWS - slot) * 2 - 1;
        CHECK(gv_idmap_try_insert(&map, ids, slot) && !gv_idmap_try_insert(&map, ids, slot), "slot %u", slot);
    }
    for (int round = 0; round < 2; round++) {
        for (uint64_t id = 0; id < IDS + 3; id++) {
            bool is_there = id % 2 == 1 && id < IDS && id != 7;
            uint32_t found = gv_idmap_find(&map, ids, id);
            if (round == 0 && id == 7) gv_idmap_remove(&map, ids, id);
            else
                CHECK(found == (is_there ? ROWS - 1 - (uint32_t)id / 2 : GV_NO_SLOT), "id %d: slot %u", (int)id, found);
        }
        CHECK(map.count == ROWS - 1 && map.direct == (round == 0), "%zu entries", map.count);
        CHECK_OK(gv_idmap_reserve(&map, heap, ids, map.count, NULL));
    }
    gv_idmap_free(&map, heap);
}

/* Insertions and removals in random order against a plain array: removal shifts entries back. */
static void test_idmap(void)
{
    enum {
        SLOTS = 2000,
        ROUNDS = 40000
    };
    GV_Heap heap = {0};
    GV_Slab ids;
    GV_IdMap map = {0};
    static bool there[SLOTS];
    gv_slab_init(&ids, &heap, sizeof(uint64_t), 4096);
    CHECK_OK(gv_slab_reserve(&ids, SLOTS));
    size_t count = 0;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        uint32_t slot = (uint32_t)(gv_random(1, round) % SLOTS);
        uint64_t *id = gv_slab_at(&ids, slot);
        if (there[slot]) {
            gv_idmap_remove(&map, &ids, *id);
            there[slot] = false;
            count--;
        } else {
            *id = round * 3 + 1;
            CHECK_OK(gv_idmap_reserve(&map, &heap, &ids, ++count, NULL));
            gv_idmap_insert(&map, &ids, slot);
            there[slot] = true;
        }
        if (round % 997 != 0) continue;
        for (uint32_t s = 0; s < SLOTS; s++) {
            uint32_t found = gv_idmap_find(&map, &ids, *(uint64_t *)gv_slab_at(&ids, s));
            CHECK(found == (there[s] ? s : GV_NO_SLOT), "round %zu, slot %u: %u", (size_t)round, s, found);
        }
    }
    CHECK(map.count == count, "%zu entries, %zu rows", map.count, count);
    gv_idmap_free(&map, &heap);
    test_direct_idmap(&heap, &ids);
    gv_slab_free(&ids);
    CHECK(heap.used_bytes == 0, "%zu bytes left", (size_t)heap.used_bytes);
}

static int compare_hits(const void *a, const void *b)
{
    return gv_hit_before(*(const GV_Hit *)a, *(const GV_Hit *)b) ? -1 : 1;
}

static void test_topk(void)
{
    GV_Hit all[500], best[500];
    for (size_t k = 1; k <= 500; k = k < 20 ? k + 1 : k * 5) {
        GV_TopK top = {best, k, 0};
        for (uint64_t i = 0; i < 500; i++) {
            all[i] = (GV_Hit){gv_mix64(i) >> 40, (float)(gv_random(k, i) % 50)}; /* many ties */
            gv_topk_offer(&top, all[i].distance, all[i].id);
        }
        gv_topk_sort(&top);
        qsort(all, 500, sizeof *all, compare_hits);
        for (size_t i = 0; i < top.count; i++) CHECK(best[i].id == all[i].id, "k %zu, hit %zu", k, i);
    }
}

static void test_text(void)
{
    CHECK(gv_fail(GV_ERR_IO, "%s|%d|%u|%x|%zu|%llu|%c|%%", "text", -12, 7u, 255u, (size_t)9, 1ULL << 63, 'c') ==
              GV_ERR_IO,
          "status");
    CHECK(strcmp(gv_last_error(), "text|-12|7|ff|9|9223372036854775808|c|%") == 0, "%s", gv_last_error());
    char narrow[8];
    (void)gv_fail(GV_ERR_ARGUMENT, "%s", "a sentence");
    strncpy(narrow, gv_last_error(), sizeof narrow - 1);
    (void)gv_fail(GV_ERR_IO, "within: %s", gv_last_error());
    CHECK(strcmp(gv_last_error(), "within: a sentence") == 0, "%s", gv_last_error());
    GV_Failure kept;
    gv_failure_save(&kept);
    (void)gv_fail(GV_ERR_LIMIT, "other");
    CHECK(gv_failure_restore(&kept) == GV_ERR_IO && strcmp(gv_last_error(), "within: a sentence") == 0, "%s",
          gv_last_error());

    static const struct {
        const char *text;
        int valid;
    } cases[] = {{"", 1},
                 {"plain", 1},
                 {"gr\xC3\xBC\xC3\x9F", 1},
                 {"\xE2\x82\xAC", 1},
                 {"\xF0\x9F\x98\x80", 1},
                 {"\x80", 0},
                 {"\xC3", 0},
                 {"\xC0\xAF", 0},
                 {"\xE0\x80\xAF", 0},
                 {"\xED\xA0\x80", 0},
                 {"\xF4\x90\x80\x80", 0},
                 {"\xF5\x80\x80\x80", 0},
                 {"\xE2\x82", 0},
                 {"a\xFFz", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK(gv_is_utf8((const unsigned char *)cases[i].text, strlen(cases[i].text)) == cases[i].valid, "case %zu", i);
}

static void test_crc32c(void)
{
    CHECK(gv_crc32c(0, "123456789", 9) == 0xE3069283u, "%x", gv_crc32c(0, "123456789", 9)); /* the usual check value */
    unsigned char bytes[10000]; /* long ones go in three streams */
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)gv_mix64(i);
    for (size_t n = 0; n < sizeof bytes; n += n < 300 ? 1 : 61) {
        uint32_t whole = gv_crc32c(0, bytes, n);
        CHECK(whole == gv_crc32c_portable(0, bytes, n), "length %zu", n);
        CHECK(whole == gv_crc32c(gv_crc32c(0, bytes, n / 3), bytes + n / 3, n - n / 3), "continued, length %zu", n);
    }
}

static void test_checked(void)
{
    size_t n;
    uint64_t w;
    CHECK(!gv_add_size(SIZE_MAX, 1, &n) && gv_add_size(SIZE_MAX, 0, &n) && n == SIZE_MAX, "add");
    CHECK(!gv_mul_size(SIZE_MAX / 2, 3, &n) && gv_mul_size(1000, 1000, &n) && n == 1000000, "mul");
    CHECK(!gv_mul_u64(UINT64_MAX / 2, 3, &w) && !gv_add_u64(UINT64_MAX, 2, &w), "u64");
    CHECK(gv_round_up(0, 8) == 0 && gv_round_up(1, 8) == 8 && gv_round_up(8, 8) == 8, "round up");
}

int main(void)
{
    test_memory();
    test_slab();
    test_bitset();
    test_idmap();
    test_topk();
    test_text();
    test_crc32c();
    test_checked();
    puts("base: 8 groups passed");
    return 0;
}
