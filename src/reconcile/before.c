/* before.c - states as they were before the tick, until its record is taken. Of each only what the
 * tick changed is kept, in one place for all groups of a round: a second copy of each state would
 * double what an idle pool costs. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "reconcile/parts.h"

#define LINE_BYTES ((size_t)64)
#define KEEP_BYTES ((size_t)1 << 20) /* room that stays between rounds; more goes back */

/* Bytes of a state that follow in `kept`, as they were. */
struct run {
    size_t offset;
    size_t size;
};

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t used_of(const struct group *group)
{
    return mem_used(group->state, group->state_size);
}

void before_look(struct reconcile *r, const struct group *group)
{
    r->kept.was_end = used_of(group);
    memcpy(r->kept.was, group->state, r->kept.was_end);
}

static bool append(struct kept_states *kept, const unsigned char *was, struct run run)
{
    void *bytes = kept->bytes;
    if (mem_grow(&bytes, &kept->cap, kept->used + sizeof(run) + run.size, 1, SIZE_MAX / 2) != RC_OK)
        return false;
    kept->bytes = bytes;
    memcpy(kept->bytes + kept->used, &run, sizeof(run));
    memcpy(kept->bytes + kept->used + sizeof(run), was + run.offset, run.size);
    kept->used += sizeof(run) + run.size;
    return true;
}

/* The next lines from `at` on that are others than they were. */
static struct run next_run(const unsigned char *was, const unsigned char *is, size_t at, size_t end)
{
    while (at < end && memcmp(was + at, is + at, least(LINE_BYTES, end - at)) == 0)
        at += LINE_BYTES;
    struct run run = {.offset = least(at, end)};
    while (at < end && memcmp(was + at, is + at, least(LINE_BYTES, end - at)) != 0)
        at += LINE_BYTES;
    run.size = least(at, end) - run.offset;
    return run;
}

void before_keep(struct reconcile *r, struct group *group)
{
    struct kept_states *kept = &r->kept;
    const unsigned char *is = (const unsigned char *)group->state;
    const size_t begin = kept->used;
    size_t end = used_of(group);
    bool fits = true;
    if (end < kept->was_end)
        end = kept->was_end;
    memset(kept->was + kept->was_end, 0, end - kept->was_end);
    struct run run = next_run(kept->was, is, 0, end);
    while (run.size > 0 && fits) {
        fits = append(kept, kept->was, run);
        run = next_run(kept->was, is, run.offset + run.size, end);
    }
    if (!fits)
        kept->used = begin;
    group->before_at = begin;
    group->before_size = fits ? kept->used - begin : SIZE_MAX;
}

/* The place for whole states is zero behind `whole_end`. */
struct span before_open(struct reconcile *r, const struct group *group)
{
    struct kept_states *kept = &r->kept;
    struct run run;
    size_t end = used_of(group);
    memcpy(kept->whole, group->state, end);
    if (kept->whole_end > end)
        memset(kept->whole + end, 0, kept->whole_end - end);
    for (size_t at = group->before_at; at < group->before_at + group->before_size;
         at += sizeof(run) + run.size) {
        memcpy(&run, kept->bytes + at, sizeof(run));
        memcpy(kept->whole + run.offset, kept->bytes + at + sizeof(run), run.size);
        end = end > run.offset + run.size ? end : run.offset + run.size;
    }
    kept->whole_end = end;
    return span_of(kept->whole, group->state_size);
}

void before_correct(struct reconcile *r, struct group *group, size_t in_group, int64_t count)
{
    const bool known = group->before_size != SIZE_MAX;
    if (known) {
        (void)before_open(r, group);
        r->kept.was_end = r->kept.whole_end;
        memcpy(r->kept.was, r->kept.whole, r->kept.was_end);
    }
    group_applied(group->spec, group->state, in_group, count);
    if (known)
        before_keep(r, group);
}

void before_clear(struct reconcile *r)
{
    struct kept_states *kept = &r->kept;
    kept->used = 0;
    if (kept->cap <= KEEP_BYTES)
        return;
    free(kept->bytes);
    kept->bytes = NULL;
    kept->cap = 0;
}

void before_done(struct reconcile *r)
{
    free(r->kept.bytes);
    free(r->kept.whole);
    free(r->kept.was);
}
