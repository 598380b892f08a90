/* target.h - what starts, finds, stops and probes replicas: one const struct per kind of target in
 * its own file and one line in target/registry.def; and the set of all targets of one installation.
 *
 * A target only gathers and applies: it never decides how many. It tells what happens to replicas
 * as `struct replica_news` and does what it is told by id. One thread: that of the loop. Callbacks
 * never come before the call that caused them has returned. */
#ifndef SLUICE_TARGET_TARGET_H
#define SLUICE_TARGET_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/rc.h"
#include "config/config.h"
#include "io/log.h"
#include "io/loop.h"
#include "reconcile/reconcile.h"

struct targets;

typedef void target_news_fn(void *user, const struct replica_news *news); /* valid in the call */
/* What fits on the inventory changed: ask targets_room() again. */
typedef void target_room_fn(void *user);

struct targets_config {
    const char *installation; /* random name that marks our engines; from the store */
    const char *folder;       /* for engine output: files "POOL-REPLICA.log" */
    const struct log *log;
    int64_t axis_offset_ns; /* added to the monotonic clock: the axis of the groups */
    target_news_fn *news;
    target_room_fn *room; /* may be NULL */
    void *user;
};

/* Texts of the config must outlive the object. */
enum rc targets_new(struct loop *loop, const struct targets_config *config, struct targets **ret,
                    struct diag *diag) MUST_CHECK;
/* Replicas go on running: nothing is signalled. */
void targets_free(struct targets *targets);
/* Another configuration; kept by the caller until the next one is in force. Running replicas keep
 * what they were started with. */
enum rc targets_configure(struct targets *targets, const struct config *config,
                          struct diag *diag) MUST_CHECK;

/* Finds replicas of this installation that run already and tells NEWS_FOUND for each, before it
 * returns. recorded: what the store holds about them (documents of targets_document()), to
 * cross-check; may be empty. */
void targets_scan(struct targets *targets, const struct span *recorded, size_t recorded_count);
/* Tells NEWS_FOUND for each replica of the pool that this object holds, before it returns: for a
 * pool that was gone from the configuration and is back. */
void targets_tell(struct targets *targets, const char *pool);
/* Starts a replica of a pool; news follow. */
void targets_start(struct targets *targets, const char *pool, uint64_t replica, uint16_t class_);
/* Ends it: stop signal, after the grace SIGKILL; `kill` = SIGKILL at once. NEWS_GONE follows. */
void targets_stop(struct targets *targets, uint64_t replica, bool kill);
/* How many replicas of the pool fit on the whole inventory, whoever holds it now: who gets what is
 * allot()'s business. NO_COUNT = unlimited. */
int64_t targets_room(const struct targets *targets, const char *pool);
double targets_gpus_free(const struct targets *targets); /* INFINITY = no inventory described */

/* What the store should hold about a replica, as JSON: pid, start time, port, GPUs. False when it
 * is not known. */
bool targets_document(const struct targets *targets, uint64_t replica, struct buf *ret);
/* Path of the output file; false when there is none. */
bool targets_log_path(const struct targets *targets, uint64_t replica, struct buf *ret);
/* Output files: of what runs, and of the last few that ended on their own. Texts are valid until
 * the next call that changes something. False past the end. */
struct target_output {
    uint64_t replica;
    const char *pool;
    const char *path;
    bool running;
};
bool targets_output_at(const struct targets *targets, size_t index, struct target_output *ret);
/* What a replica of this machine uses now, and what it may use. */
struct target_usage {
    double cpu_s; /* processor time since its start; less than before: processes have ended */
    double memory_bytes;
    double cpus;               /* limit, or what the machine has */
    double memory_limit_bytes; /* likewise; 0 = unknown */
};
/* False when it is not of this machine, or not running. Reads files: not for every tick. */
bool targets_usage(const struct targets *targets, uint64_t replica, struct target_usage *ret);
/* Ids of its GPUs, comma-separated; "" = none were assigned, or it is not of this machine. */
const char *targets_gpus(const struct targets *targets, uint64_t replica);
/* What is measured of a GPU; NAN = it is not. */
struct target_gpu {
    double use_ratio;
    double memory_used_bytes;
    double memory_bytes;
};
/* By the id of the inventory; false: nothing is measured. */
typedef bool targets_gpu_fn(const void *user, const char *id, struct target_gpu *ret);
/* GPUs with what holds them and what is measured of them, processes, files: for the API. Appends
 * members to an open object. measure may be NULL. */
void targets_print(const struct targets *targets, targets_gpu_fn *measure, const void *user,
                   struct json_writer *w);

#endif
