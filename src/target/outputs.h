/* outputs.h - the files that engines write to: kept below their size while engines run, and the
 * last few of failed ones kept to be read afterwards.
 *
 * Cutting is done in a worker thread; the disk may be full or gone, nothing here fails for it. */
#ifndef SLUICE_TARGET_OUTPUTS_H
#define SLUICE_TARGET_OUTPUTS_H

#include "base/limits.h"
#include "base/mem.h"
#include "base/span.h"

#define OUTPUTS_KEPT_PER_POOL 4 /* of replicas that ended on their own */
#define OUTPUTS_KEPT_MAX 256

struct output {
    uint64_t replica;
    char pool[NAME_SIZE];
    char *path; /* owned */
};

struct outputs {
    struct output kept[OUTPUTS_KEPT_MAX]; /* oldest first */
    size_t kept_count;
};

void outputs_done(struct outputs *outputs); /* the files stay */
/* Keeps the file of a replica that ended; the oldest of its pool goes when there are too many.
 * Takes path, also on failure. */
void outputs_keep(struct outputs *outputs, uint64_t replica, const char *pool, char *path);
/* The replica writes to it again: it is not for us to remove any more. */
void outputs_forget(struct outputs *outputs, uint64_t replica);
/* NULL when not kept. */
const char *outputs_path(const struct outputs *outputs, uint64_t replica);
/* Last line that says something, without what could disturb a terminal; "" when there is none. */
void output_last_line(const char *path, char *ret_text, size_t size);

#endif
