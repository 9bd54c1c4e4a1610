/* test_malloc_native.c: without it the module's malloc() could hand memory out twice, lose it, or write past its end where the host gives no
 * more: the very file, over an arena that stands for the module's memory, beside a list of what is in use. */
#include "base/random.h"
#include "check.h"
#include <string.h>
#include <stdlib.h>

enum {
    ARENA = 1 << 26,
    BLOCKS = 3000
};
static unsigned char *arena;
static size_t arena_used, arena_most = ARENA;

static size_t arena_end(void) { return ((size_t)arena + arena_used) / 65536; }

static size_t arena_grow(size_t pages)
{
    size_t at = arena_end();
    if (pages * 65536 > arena_most - arena_used) return SIZE_MAX;
    arena_used += pages * 65536;
    return at;
}

#define __builtin_wasm_memory_size(memory) arena_end()
#define __builtin_wasm_memory_grow(memory, pages) arena_grow(pages)
#define __heap_base (*arena)
#define malloc heap_malloc
#define calloc heap_calloc
#define free heap_free
#define realloc heap_realloc
void *heap_malloc(size_t bytes);
void *heap_calloc(size_t count, size_t size);
void heap_free(void *memory);
void *heap_realloc(void *memory, size_t bytes);
#include "base/malloc_wasm.c"

typedef struct Piece {
    unsigned char *at;
    size_t size;
    unsigned char mark;
} Piece;

static size_t draw_size(uint64_t draw)
{
    size_t most = (size_t)1 << (draw >> 32) % 16; /* 1 byte to 32 KiB, small ones as often as large ones */
    return draw % 97 == 0 ? 300000 : (size_t)(draw % most);
}

static void check_piece(const Piece *p)
{
    for (size_t i = 0; i < p->size; i++) CHECK(p->at[i] == p->mark, "byte %zu of %zu", i, p->size);
}

/* Every block lies behind the other, no two neighbours are free, and each free one is on the list of its class. */
static size_t check_heap(void)
{
    size_t free_bytes = 0, listed = 0;
    Block *block = (Block *)arena;
    for (; block != end; block = after(block)) {
        CHECK(size_of(block) >= LEAST && size_of(block) % 8 == 0, "size %u", block->size);
        CHECK(after(block)->before == size_of(block), "the next one knows %u bytes", after(block)->before);
        CHECK(!(block->size & FREE && after(block)->size & FREE), "two free neighbours");
        if (block->size & FREE) free_bytes += size_of(block);
    }
    for (unsigned i = 0; i < CLASSES; i++) {
        CHECK((filled[i / 64] >> i % 64 & 1) == (lists[i] != NULL), "class %u", i);
        for (Block *b = lists[i]; b; b = b->next) {
            CHECK(b->size & FREE && class_of(size_of(b)) == i, "size %u on list %u", b->size, i);
            listed += size_of(b);
        }
    }
    CHECK(listed == free_bytes, "%zu bytes listed of %zu", listed, free_bytes);
    return free_bytes;
}

int main(void)
{
    static Piece pieces[BLOCKS];
    arena = aligned_alloc(65536, ARENA);
    CHECK(arena, "no arena");
    arena_used = 65536;
    for (uint64_t step = 0; step < 400000; step++) {
        uint64_t draw = gv_random(1, step);
        Piece *p = &pieces[draw % BLOCKS];
        if (p->at) {
            check_piece(p);
            if (draw >> 54 & 1) {
                heap_free(p->at);
                p->at = NULL;
            } else {
                size_t size = draw_size(gv_random(3, step));
                p->at = heap_realloc(p->at, size);
                CHECK(p->at, "step %llu", (unsigned long long)step);
                for (; p->size < size; p->size++) p->at[p->size] = p->mark;
                p->size = size;
            }
        } else {
            p->size = draw_size(gv_random(2, step));
            p->mark = (unsigned char)(draw >> 56);
            p->at = draw >> 55 & 1 ? heap_malloc(p->size) : heap_calloc(1, p->size);
            CHECK(p->at && (uintptr_t)p->at % 8 == 0, "step %llu", (unsigned long long)step);
            for (size_t i = 0; i < p->size && !(draw >> 55 & 1); i++) CHECK(p->at[i] == 0, "calloc gave %u", p->at[i]);
            memset(p->at, p->mark, p->size);
        }
        if (step % 20000 == 0) (void)check_heap();
    }
    size_t in_use = 0, peak = arena_used;
    for (size_t i = 0; i < BLOCKS; i++) in_use += pieces[i].at ? pieces[i].size : 0;
    printf("%zu bytes in use of %zu\n", in_use, peak);
    CHECK(peak < 2 * in_use, "%zu bytes for %zu", peak, in_use);

    arena_most = arena_used; /* the host gives no more */
    while (heap_malloc(50000)) {
    }
    CHECK(!heap_malloc(SIZE_MAX) && !heap_malloc(SIZE_MAX - 100) && !heap_calloc(SIZE_MAX / 2, 3), "sizes wrapped");
    (void)check_heap();
    for (size_t i = 0; i < BLOCKS; i++) {
        if (pieces[i].at) check_piece(&pieces[i]);
        heap_free(pieces[i].at);
    }
    (void)check_heap();
    CHECK(heap_malloc(50000), "what was given back is gone");
    return 0;
}
