/* mem.h - the four lifetimes: overflow-checked heap helpers, arenas, growable buffers with a cap,
 * bytes that wipe.
 *
 * Nothing aborts: NULL or RC_NO_MEMORY / RC_LIMIT comes back and the object is as before. Not
 * thread-safe. */
#ifndef SLUICE_BASE_MEM_H
#define SLUICE_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/rc.h"
#include "base/span.h"

/* n * size zeroed bytes, NULL on overflow or when memory is out. Free with free(). */
void *mem_new(size_t n, size_t size);
/* Resizes an array of *n_cap elements so that it holds at least need; grows by half; at most
 * cap_max elements. On failure nothing changed. */
enum rc mem_grow(void **array, size_t *n_cap, size_t need, size_t size, size_t cap_max) MUST_CHECK;
/* Takes the pointer out of *slot and leaves NULL: ownership leaves the function. */
void *take(void *slot);
void mem_wipe(void *bytes, size_t size); /* not removed by the optimiser */

/* Arena: many small allocations, one release. */
struct arena {
    struct arena_block *head;
    struct arena_block *pages; /* blocks of arena_pages(), older ones behind */
    size_t expected_bytes;     /* of the first block; 0 = the least */
    size_t used_bytes;
    size_t limit_bytes;
};
void arena_init(struct arena *arena, size_t limit_bytes);
void *arena_alloc(struct arena *arena, size_t size); /* zeroed, 16-byte aligned; NULL at limit */
void *arena_array(struct arena *arena, size_t n, size_t size); /* overflow-checked */
/* As arena_alloc(), at the begin of a page: for what is long and mostly zero to its end, of which
 * only the pages that are written cost anything. */
void *arena_pages(struct arena *arena, size_t size);
/* What an empty arena takes in one piece of this size, instead of the least block. */
void arena_expect(struct arena *arena, size_t size);
struct span arena_copy(struct arena *arena,
                       struct span s); /* ptr NULL on failure; NUL follows the bytes */
void arena_clear(struct arena *arena); /* keeps the first block */
void arena_done(struct arena *arena);

/* Growable byte buffer. After the first failure `failed` stays set and appends do nothing, so that
 * a run of appends needs one check at its end. The bytes are not NUL-terminated unless buf_text()
 * is asked. */
struct buf {
    char *ptr;
    size_t len;
    size_t cap;
    size_t limit_bytes;
    bool failed;
};
void buf_init(struct buf *buf, size_t limit_bytes);
void buf_done(struct buf *buf);
void buf_clear(struct buf *buf);              /* length 0, failed false, memory kept */
bool buf_grow(struct buf *buf, size_t extra); /* what buf_reserve() does without room */

/* One byte more than asked for is kept, so that buf_cstr() always finds room for its NUL. */
static inline bool buf_reserve(struct buf *buf, size_t extra)
{
    const bool room = !buf->failed && extra < buf->cap - buf->len;
    return (room && buf->len + extra <= buf->limit_bytes) || buf_grow(buf, extra);
}

static inline void buf_append(struct buf *buf, const void *bytes, size_t len)
{
    if (len == 0 || !buf_reserve(buf, len))
        return;
    memcpy(buf->ptr + buf->len, bytes, len);
    buf->len += len;
}

static inline void buf_span(struct buf *buf, struct span s)
{
    buf_append(buf, s.ptr, s.len);
}

static inline void buf_text(struct buf *buf, const char *text)
{
    buf_append(buf, text, strlen(text));
}

static inline void buf_byte(struct buf *buf, char byte)
{
    if (buf_reserve(buf, 1))
        buf->ptr[buf->len++] = byte;
}

void buf_printf(struct buf *buf, const char *format, ...)
    PRINTF_LIKE(2, 3);                          /* integers and strings only, no %f */
void buf_number(struct buf *buf, double value); /* shortest form, see num_print() */
void buf_int(struct buf *buf, int64_t value);
void buf_consume(struct buf *buf, size_t len); /* drops bytes at the front */
const char *buf_cstr(struct buf *buf);         /* NUL-terminated view, "" when failed or empty */
struct span buf_view(const struct buf *buf);

/* How many there are without the zeros at their end. */
size_t mem_used(const void *bytes, size_t size);
/* As memcpy() to bytes that are known to be zero: what is zero in the source is not written. */
void mem_copy_on_zeros(void *to, const void *from, size_t size);

#endif
