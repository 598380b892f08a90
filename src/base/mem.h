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
    size_t used_bytes;
    size_t limit_bytes;
};
void arena_init(struct arena *arena, size_t limit_bytes);
void *arena_alloc(struct arena *arena, size_t size); /* zeroed, 16-byte aligned; NULL at limit */
void *arena_array(struct arena *arena, size_t n, size_t size); /* overflow-checked */
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
void buf_clear(struct buf *buf); /* length 0, failed false, memory kept */
bool buf_reserve(struct buf *buf, size_t extra);
void buf_append(struct buf *buf, const void *bytes, size_t len);
void buf_span(struct buf *buf, struct span s);
void buf_text(struct buf *buf, const char *text);
void buf_byte(struct buf *buf, char byte);
void buf_printf(struct buf *buf, const char *format, ...)
    PRINTF_LIKE(2, 3);                          /* integers and strings only, no %f */
void buf_number(struct buf *buf, double value); /* shortest form, see num_print() */
void buf_int(struct buf *buf, int64_t value);
void buf_consume(struct buf *buf, size_t len); /* drops bytes at the front */
const char *buf_cstr(struct buf *buf);         /* NUL-terminated view, "" when failed or empty */
struct span buf_view(const struct buf *buf);

#endif
