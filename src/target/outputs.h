/* outputs.h - the files that engines write to: kept below their size while engines run, and the
 * last few of failed ones kept to be read afterwards.
 *
 * Files are cut in a worker thread; the disk may be full or gone, nothing here fails for it
 * (FAULTS 74). */
#ifndef SLUICE_TARGET_OUTPUTS_H
#define SLUICE_TARGET_OUTPUTS_H

#include "base/limits.h"
#include "base/mem.h"
#include "io/loop.h"

#define OUTPUTS_KEPT_PER_POOL 4 /* of replicas that have ended */
#define OUTPUTS_KEPT_MAX 256    /* over all pools */
#define OUTPUTS_LOOK_NS (500 * MILLISECOND_NS)
#define OUTPUTS_FLOOD_NS (50 * MILLISECOND_NS) /* after a file was cut: it may be flooded */

struct output {
    uint64_t replica;
    char pool[NAME_SIZE];
    char *path; /* owned */
    size_t bytes_max;
    bool live;
};

struct outputs_job;
struct outputs {
    struct loop *loop;
    struct timer timer;
    struct output *item; /* those that have ended stand in the order in which they did */
    size_t count;
    size_t cap;
    size_t live_count;
    struct outputs_job *job; /* in the worker thread; NULL = none */
};

enum rc outputs_init(struct outputs *outputs, struct loop *loop) MUST_CHECK;
void outputs_done(struct outputs *outputs); /* the files stay */
/* A replica writes to path from now on. */
struct output_spec {
    uint64_t replica;
    const char *pool;
    const char *path; /* copied */
    size_t bytes_max;
};
enum rc outputs_open(struct outputs *outputs, const struct output_spec *spec) MUST_CHECK;
/* It has ended. keep: the file stays until OUTPUTS_KEPT_PER_POOL later ones of its pool have ended;
 * empty ones never do. */
void outputs_end(struct outputs *outputs, uint64_t replica, bool keep);
/* NULL when there is none. Valid until the next call. */
const char *outputs_path(const struct outputs *outputs, uint64_t replica);
/* Last line that says something, without what could disturb a terminal; "" when there is none. */
void output_last_line(const char *path, char *ret_text, size_t size);

#endif
