/* malloc_wasm.c: malloc(), calloc() and free() of the WebAssembly module, which is downloaded: a quarter of what dlmalloc takes.
 *
 * Two-level segregated fits (TLSF: Masmano, Ripoll, Crespo, Real, ECRTS 2004): free blocks are listed by size class, eight classes to a
 * doubling, and a bitmap says which lists hold any, so that each call takes a bounded number of steps. Neighbours that are free are
 * one block. Blocks begin and end at multiples of 8; the module has one thread. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEADER = 8,
    SPLITS = 8, /* classes a doubling */
    CLASSES = 28 * SPLITS,
    PAGE = 1 << 16
};
#define FREE 1u
#define LARGEST ((size_t)UINT32_MAX - 2 * PAGE)

#ifndef __heap_base               /* tests have another */
extern unsigned char __heap_base; /* by the linker: behind the stack and the static data */
#endif

typedef struct Block {
    uint32_t before;           /* bytes of the block before it in memory, 0: none */
    uint32_t size;             /* bytes of this one, header included; bit 0: it is free */
    struct Block *next, *last; /* in its list, while it is free */
} Block;

enum {
    LEAST = sizeof(Block) /* bytes of a block: room for the links of a free one */
};

static Block *lists[CLASSES];
static uint64_t filled[(CLASSES + 63) / 64]; /* which lists are not empty */
static Block *end;                           /* the header behind the last block: of size 0, never free */

static size_t size_of(const Block *block) { return block->size & ~FREE; }

static Block *after(const Block *block) { return (Block *)((char *)(uintptr_t)block + size_of(block)); }

static Block *before(const Block *block) { return (Block *)((char *)(uintptr_t)block - block->before); }

static unsigned class_of(size_t size)
{
    unsigned top = 31 - (unsigned)__builtin_clz((uint32_t)size);
    return (top - 4) * SPLITS + (unsigned)(size >> (top - 3) & (SPLITS - 1));
}

static void set_size(Block *block, size_t size, uint32_t flag)
{
    block->size = (uint32_t)size | flag;
    after(block)->before = (uint32_t)size;
}

static void list(Block *block)
{
    unsigned at = class_of(size_of(block));
    block->last = NULL;
    block->next = lists[at];
    if (block->next) block->next->last = block;
    lists[at] = block;
    filled[at / 64] |= (uint64_t)1 << at % 64;
}

static void unlist(Block *block)
{
    unsigned at = class_of(size_of(block));
    if (block->next) block->next->last = block->last;
    if (block->last) block->last->next = block->next;
    else lists[at] = block->next;
    if (!lists[at]) filled[at / 64] &= ~((uint64_t)1 << at % 64);
}

/* A block that is on no list becomes free, one with its free neighbours. */
static void give_back(Block *block)
{
    size_t size = size_of(block);
    Block *next = after(block), *last = before(block);
    if (next->size & FREE) {
        unlist(next);
        size += size_of(next);
    }
    if (block->before && last->size & FREE) {
        unlist(last);
        size += size_of(last);
        block = last;
    }
    set_size(block, size, FREE);
    list(block);
}

/* The first of its own class if it is large enough, else any of a larger one. */
static Block *find(size_t size)
{
    unsigned at = class_of(size);
    Block *block = lists[at];
    if (block && size_of(block) >= size) return block;
    for (unsigned word = ++at / 64; word < sizeof filled / sizeof *filled; word++) {
        uint64_t bits = filled[word];
        if (word == at / 64) bits &= UINT64_MAX << at % 64;
        if (bits) return lists[word * 64 + (unsigned)__builtin_ctzll(bits)];
    }
    return NULL;
}

/* `bytes` of memory at `from` belong to the heap now. */
static void take_over(char *from, size_t bytes)
{
    Block *block = (Block *)from;
    if (end && (char *)end + HEADER == from) {
        block = end;
        bytes += HEADER;
    } else {
        block->before = 0;
    }
    block->size = (uint32_t)(bytes - HEADER);
    end = after(block);
    end->before = block->size;
    end->size = 0;
    give_back(block);
}

/* More memory: at first what the module was given from the start, then from the host. */
static Block *grow(size_t size)
{
    if (!end) {
        uintptr_t from = ((uintptr_t)&__heap_base + 7) & ~(uintptr_t)7;
        take_over((char *)from, __builtin_wasm_memory_size(0) * PAGE - from);
        Block *block = find(size);
        if (block) return block;
    }
    size_t pages = (size + HEADER + PAGE - 1) / PAGE, at = __builtin_wasm_memory_grow(0, pages);
    if (at == SIZE_MAX) return NULL;
    take_over((char *)(at * PAGE), pages * PAGE);
    return find(size);
}

void *malloc(size_t bytes)
{
    if (bytes > LARGEST) return NULL;
    size_t size = (bytes + HEADER + 7) & ~(size_t)7;
    if (size < LEAST) size = LEAST;
    Block *block = find(size);
    if (!block) block = grow(size);
    if (!block) return NULL;
    unlist(block);
    size_t rest = size_of(block) - size;
    if (rest < LEAST) {
        set_size(block, size_of(block), 0);
    } else {
        set_size(block, size, 0);
        set_size(after(block), rest, FREE);
        list(after(block));
    }
    return (char *)block + HEADER;
}

void *calloc(size_t count, size_t size)
{
    if (size > 0 && count > LARGEST / size) return NULL;
    void *memory = malloc(count * size);
    if (memory) memset(memory, 0, count * size);
    return memory;
}

void free(void *memory)
{
    if (memory) give_back((Block *)((char *)memory - HEADER));
}

/* For programs that are linked with it; the core does without. */
void *realloc(void *memory, size_t bytes)
{
    void *larger = malloc(bytes);
    if (!memory || !larger) return larger;
    size_t held = size_of((Block *)((char *)memory - HEADER)) - HEADER;
    memcpy(larger, memory, held < bytes ? held : bytes);
    free(memory);
    return larger;
}
