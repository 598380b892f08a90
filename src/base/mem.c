/* mem.c - checked heap helpers and arenas. Growable buffers are in buf.c. */
#include "base/mem.h"

#include <assert.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BLOCK_BYTES_MIN ((size_t)4096)
#define ARENA_BLOCK_BYTES_MAX ((size_t)1 << 20)
#define ARENA_ALIGN ((size_t)16)
#define PAGE_BYTES ((size_t)4096)

void *mem_new(size_t n, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes) || bytes > PTRDIFF_MAX)
        return NULL;
    return calloc(1, bytes > 0 ? bytes : 1);
}

enum rc mem_grow(void **array, size_t *n_cap, size_t need, size_t size, size_t cap_max)
{
    if (need <= *n_cap)
        return RC_OK;
    if (need > cap_max)
        return RC_LIMIT;
    size_t cap = *n_cap + *n_cap / 2;
    if (cap < need)
        cap = need;
    if (cap < 8)
        cap = 8;
    if (cap > cap_max)
        cap = cap_max;
    size_t bytes;
    if (__builtin_mul_overflow(cap, size, &bytes) || bytes > PTRDIFF_MAX)
        return RC_NO_MEMORY;
    void *grown = realloc(*array, bytes);
    if (!grown)
        return RC_NO_MEMORY;
    *array = grown;
    *n_cap = cap;
    return RC_OK;
}

void *take(void *slot)
{
    void *taken;
    memcpy(&taken, slot, sizeof(taken));
    memset(slot, 0, sizeof(taken));
    return taken;
}

void mem_wipe(void *bytes, size_t size)
{
    if (size == 0)
        return;
    memset(bytes, 0, size);
    /* The optimiser must believe that somebody looks at the zeros. */
    __asm__ volatile("" : : "r"(bytes) : "memory");
}

/* Blocks hang in a list, newest first. `used` bytes of `bytes` are given out; those behind it are
 * zero. */
struct arena_block {
    struct arena_block *older;
    size_t size;
    size_t used;
    alignas(16) unsigned char bytes[];
};
static_assert(sizeof(struct arena_block) % ARENA_ALIGN == 0, "blocks keep the alignment");

void arena_init(struct arena *arena, size_t limit_bytes)
{
    *arena = (struct arena){.limit_bytes = limit_bytes};
}

/* Doubles from block to block, so that the number of blocks stays logarithmic up to 1 MiB each. */
static struct arena_block *block_new(struct arena_block **list, size_t least, size_t need)
{
    size_t size = least;
    if (*list)
        size =
            (*list)->size * 2 < ARENA_BLOCK_BYTES_MAX ? (*list)->size * 2 : ARENA_BLOCK_BYTES_MAX;
    if (size < need)
        size = need;
    struct arena_block *block = calloc(1, sizeof(*block) + size);
    if (!block)
        return NULL;
    block->size = size;
    block->older = *list;
    *list = block;
    return block;
}

static bool fits_limit(const struct arena *arena, size_t size)
{
    return size <= arena->limit_bytes && arena->used_bytes <= arena->limit_bytes - size;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > PTRDIFF_MAX - 4 * ARENA_BLOCK_BYTES_MAX)
        return NULL;
    const size_t rounded = size > 0 ? (size + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1) : ARENA_ALIGN;
    if (!fits_limit(arena, rounded))
        return NULL;
    struct arena_block *block = arena->head;
    if (!block || rounded > block->size - block->used) {
        const size_t least =
            arena->expected_bytes > 0 ? arena->expected_bytes : ARENA_BLOCK_BYTES_MIN;
        block = block_new(&arena->head, least, rounded);
        if (!block)
            return NULL;
    }
    void *out = block->bytes + block->used;
    block->used += rounded;
    arena->used_bytes += rounded;
    return out;
}

void arena_expect(struct arena *arena, size_t size)
{
    if (arena->head == NULL)
        arena->expected_bytes = (size + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
}

void *arena_pages(struct arena *arena, size_t size)
{
    if (size > PTRDIFF_MAX - 4 * ARENA_BLOCK_BYTES_MAX || !fits_limit(arena, size))
        return NULL;
    struct arena_block *block = arena->pages;
    size_t skip = 0;
    for (int tries = 0; tries < 2; tries++) {
        if (block)
            skip = (PAGE_BYTES - (uintptr_t)(block->bytes + block->used) % PAGE_BYTES) % PAGE_BYTES;
        if (block && skip <= block->size - block->used && size <= block->size - block->used - skip)
            break;
        block = block_new(&arena->pages, PAGE_BYTES, size + PAGE_BYTES);
        if (!block)
            return NULL;
    }
    void *out = block->bytes + block->used + skip;
    block->used += skip + size;
    arena->used_bytes += size;
    return out;
}

void *arena_array(struct arena *arena, size_t n, size_t size)
{
    size_t bytes;
    return __builtin_mul_overflow(n, size, &bytes) ? NULL : arena_alloc(arena, bytes);
}

struct span arena_copy(struct arena *arena, struct span s)
{
    char *copy = s.len < SIZE_MAX ? arena_alloc(arena, s.len + 1) : NULL;
    if (!copy)
        return (struct span){NULL, 0};
    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    return (struct span){copy, s.len};
}

static void blocks_free(struct arena_block **list)
{
    while (*list) {
        struct arena_block *older = (*list)->older;
        free(*list);
        *list = older;
    }
}

void arena_clear(struct arena *arena)
{
    blocks_free(&arena->pages);
    struct arena_block *block = arena->head;
    while (block && block->older) {
        struct arena_block *older = block->older;
        free(block);
        block = older;
    }
    if (block) {
        memset(block->bytes, 0, block->used);
        block->used = 0;
    }
    arena->head = block;
    arena->used_bytes = 0;
}

void arena_done(struct arena *arena)
{
    if (!arena)
        return;
    blocks_free(&arena->head);
    blocks_free(&arena->pages);
    arena->used_bytes = 0;
}

/* ---- sparse ---- */

static bool is_zero(const unsigned char *bytes, size_t size)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

size_t mem_used(const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    while (size > 0) {
        const size_t page = (size - 1) / PAGE_BYTES * PAGE_BYTES;
        if (!is_zero(at + page, size - page))
            break;
        size = page;
    }
    while (size > 0 && at[size - 1] == 0)
        size--;
    return size;
}

#define LINE_BYTES ((size_t)64)

void mem_copy_on_zeros(void *to, const void *from, size_t size)
{
    const unsigned char *source = from;
    unsigned char *bytes = to;
    for (size_t at = 0; at < size; at += LINE_BYTES) {
        const size_t part = size - at < LINE_BYTES ? size - at : LINE_BYTES;
        if (!is_zero(source + at, part))
            memcpy(bytes + at, source + at, part);
    }
}
