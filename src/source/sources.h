/* sources.h - the set of all sources of one installation: asks each in its own time, screens what
 * comes, and hands it on as samples.
 *
 * R11: one source that is slow, wrong or gone delays no other: each has its deadline (below half of
 * its period), its own state and its own back-off. Answers become samples of the pool; a failure
 * becomes a failed sample of each of its signals, so that doubt reaches the decision (R1, R2). One
 * thread: that of the loop. */
#ifndef SLUICE_SOURCE_SOURCES_H
#define SLUICE_SOURCE_SOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/rc.h"
#include "config/config.h"
#include "core/message.h"
#include "core/signal.h"
#include "io/log.h"
#include "io/loop.h"

struct sources;

/* Why there is no value. Names are stable: conditions, API and metrics show them. */
#define SOURCE_FAULT_MAP(X)                                                                        \
    X(NONE, "", "")                                                                                \
    X(UNREACHABLE, "Unreachable", "nobody takes the connection, or the name is not known")         \
    X(TIMEOUT, "Timeout", "no whole answer within the time limit")                                 \
    X(CUT, "Cut", "the answer ended in its middle")                                                \
    X(DENIED, "Denied", "it does not know us: token, user or rights")                              \
    X(BUSY, "Busy", "it asks for a pause")                                                         \
    X(STATUS, "Status", "it answers with an error")                                                \
    X(NOT_PARSED, "NotParsed", "the answer is not what such a source sends")                       \
    X(TOO_LARGE, "TooLarge", "the answer is larger than is read")                                  \
    X(SEVERAL, "SeveralSeries", "several values where one is wanted")                              \
    X(EMPTY, "Empty", "an answer without a value, which counts as a failure here")                 \
    X(STALE, "Stale", "the value is older than maxAge")                                            \
    X(SILENT, "Silent", "nothing was sent for longer than maxAge")                                 \
    X(NOT_A_NUMBER, "NotANumber", "NaN or infinite")                                               \
    X(NEGATIVE, "Negative", "below 0, which this signal cannot be")                                \
    X(ABSURD, "Absurd", "above all that this signal can be")                                       \
    X(FROZEN, "Frozen", "requests are there, and no counter moves: it may hang")                   \
    X(EXIT, "Exit", "the program failed")                                                          \
    X(UNCOVERED, "Uncovered", "no replica told it")                                                \
    X(LOCAL, "Local", "something here: a file, memory, descriptors")

enum source_fault {
#define SOURCE_FAULT_ENUM(id, name, words) SOURCE_FAULT_##id,
    SOURCE_FAULT_MAP(SOURCE_FAULT_ENUM)
#undef SOURCE_FAULT_ENUM
        SOURCE_FAULT_COUNT
};
const char *source_fault_name(enum source_fault fault);
const char *source_fault_words(enum source_fault fault);

/* A sample on its way to a pool: `sample` without pool, signal and external. */
struct source_sample {
    struct signal_ref signal;
    struct sample sample;
};

struct source_replica {
    uint64_t id;
    char host[ADDRESS_SIZE];
    uint16_t port;
    bool ready;
    int64_t ready_ns; /* first ready, on the axis of the groups; TIME_NONE */
};

/* What a replica of this machine uses: processor time since its start, and its limits. */
struct source_usage {
    double cpu_s;
    double cpus;
    double memory_bytes;
    double memory_limit_bytes; /* 0 = unknown */
};

struct source_status {
    enum source_fault fault; /* NONE: the last round was good */
    char text[TEXT_SIZE];    /* what was wrong last, also when it is over */
    int64_t failures;        /* rounds in a row */
    int64_t rounds;          /* since the start */
    int64_t failed_rounds;
    int64_t repeated;    /* series that stood twice on a page; the last one counts (FAULTS 15) */
    bool answered;       /* at least once: a value, or that there is none */
    bool fallen;         /* its fallback holds */
    int64_t good_ns;     /* last good round, on the axis of the groups; TIME_NONE */
    int64_t since_ns;    /* begin of the present state, likewise; TIME_NONE before the first end */
    double value;        /* last one; NAN = none yet */
    int64_t measured_ns; /* when that was measured, likewise */
    bool absent;         /* the last good round told that there is none */
};

/* `pool` is the index in the pools of the configuration in force. */
typedef void sources_sample_fn(void *user, size_t pool, const struct source_sample *samples,
                               size_t count);
/* A source of the pool changed its state: ask sources_pool() again. */
typedef void sources_changed_fn(void *user, size_t pool);
typedef bool sources_replica_fn(void *user, size_t pool, size_t index, struct source_replica *ret);

/* False: not of this machine, or not running. */
typedef bool sources_usage_fn(void *user, uint64_t replica, struct source_usage *ret);
typedef const char *sources_gpus_fn(void *user, uint64_t replica); /* ids, comma-separated */

struct sources_config {
    const struct log *log;
    int64_t axis_offset_ns; /* added to the monotonic clock: the axis of the groups */
    sources_sample_fn *samples;
    sources_changed_fn *changed; /* may be NULL, as the next */
    sources_replica_fn *replica;
    sources_usage_fn *usage;
    sources_gpus_fn *gpus;
    void *user;
};

enum rc sources_new(struct loop *loop, const struct sources_config *config, struct sources **ret,
                    struct diag *diag) MUST_CHECK;
void sources_free(struct sources *sources);
/* Another configuration; kept by the caller until the next one is in force. Sources that stand in
 * both unchanged go on; new ones ask in the next loop turn. What cannot be made is logged and is a
 * failed source: never an error of the whole. */
enum rc sources_configure(struct sources *sources, const struct config *config) MUST_CHECK;

/* ---- reading ---- */

struct source_row {
    const char *pool;
    const struct source_spec *spec;
    const struct source_status *status;
    int64_t now_ns; /* of the axis, for ages */
};
/* Measured; NAN = not told. */
struct source_gpu {
    double use_ratio;
    double memory_used_bytes;
    double memory_bytes;
};
/* By UUID or index, of the first source whose last answer was whole and told of it. */
bool sources_gpu(const struct sources *sources, struct span id, struct source_gpu *ret);

size_t sources_count(const struct sources *sources);
/* False past the end. Valid until the next call that changes something. */
bool sources_at(const struct sources *sources, size_t index, struct source_row *ret);

struct source_pool_state {
    size_t count;
    size_t down;
    bool answered;        /* each of them at least once (R10) */
    int64_t fallback;     /* floor of those that fell; NO_COUNT = none did */
    char text[TEXT_SIZE]; /* of the first one that is down: "NAME: words" */
};
void sources_pool(const struct sources *sources, size_t pool, struct source_pool_state *ret);

#endif
