/* source.h - what every kind of source is: one const struct in its own file and one line in
 * source/registry.def. For the files of this folder; others use sources.h.
 *
 * A source asks somebody for values, once a period, and tells what came: values, that there are
 * none (absent), or that nobody knows (failed, with a reason). It never decides and never repairs:
 * an answer that is not wholly understood is a failure.
 *
 * The set (sources.c, round.c) does for every kind alike: when to ask, the deadline, back-off,
 * screening of values (R1), folding of replicas, ages, states and conditions. One thread: that of
 * the loop. Nothing here waits: whatever takes time ends by callback. */
#ifndef SLUICE_SOURCE_SOURCE_H
#define SLUICE_SOURCE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "config/config.h"
#include "io/http_client.h"
#include "io/loop.h"
#include "io/web_fetch.h"
#include "source/sources.h"

struct source;

struct source_ops {
    const char *name; /* as in source_kinds.def, where its options are listed too */
    enum source_kind kind;
    size_t size; /* of the object, which begins with struct source; zeroed at its start */
    /* Signals that a source of this kind tells without being asked by name: they fail when a round
     * fails. NULL: those of its specification. */
    const enum signal_id *signals;
    size_t signal_count;
    /* True: the pool has such a source although nobody wrote one, with the defaults but this
     * period. NULL: never. */
    bool (*implied)(const struct pool_config *pool);
    int64_t implied_period_ns;
    /* Before the first round; on failure stop() is called too. May be NULL. */
    enum rc (*start)(struct source *s, struct diag *diag);
    /* Begins a round, which ends by source_end() or source_fail(), now or later. NULL: values come
     * on their own, by source_value() and source_end() at any time. */
    void (*ask)(struct source *s);
    /* The round is over although it has not ended (deadline, end of the source): nothing of it may
     * call back any more. Not called when no round runs. May be NULL. */
    void (*cancel)(struct source *s);
    /* What the last good page told of one GPU, by UUID or index; false: nothing. May be NULL. */
    bool (*gpu)(const struct source *s, struct span id, struct source_gpu *ret);
    void (*stop)(struct source *s); /* frees what start() and rounds made; may be NULL */
};

/* One value of a round. */
struct source_value {
    struct signal_ref signal;
    uint64_t replica; /* which measured it; 0 = the value of the whole pool */
    double value;     /* in the unit of the signal, before `factor`; for rates: per second (per
                         minute where the unit says so), or an amount since the last round when
                         `amount` */
    double weight;    /* observations behind it; 0 = 1 */
    double shown;     /* for people; the set's own */
    int64_t age_ns;   /* how long ago it was measured; 0 = now */
    enum signal_state state;
    enum source_fault fault; /* SIGNAL_FAILED: why */
    bool amount;
    bool folded; /* the set's own */
};

struct source {
    struct sources *set;
    const struct source_ops *ops;
    const struct source_spec *spec; /* of the configuration in force, or one that many share */
    char pool[NAME_SIZE];
    size_t pool_index;  /* in the configuration in force */
    struct timer timer; /* next round; the deadline of the one that runs */
    bool asking;
    bool said;                  /* status.text is of this round */
    int64_t asked_ns;           /* begin of the newest round, on the monotonic clock; TIME_NONE */
    int64_t told_ns;            /* last round with a value; TIME_NONE */
    int64_t expected;           /* replicas that should answer in this round; 0 = not per replica */
    struct source_value *value; /* of this round */
    size_t value_count;
    size_t value_cap;
    struct source_status status;
    bool gone; /* not in the configuration that is being put in force */
};

/* ---- for rounds ---- */

/* So many replicas should answer: without it values of replicas cover all there are. */
void source_expect(struct source *s, int64_t replicas);
/* Values of one replica and signal come one after the other. */
void source_value(struct source *s, const struct source_value *value);
/* A plain value of the only signal of the specification, measured age_ns ago. */
void source_number(struct source *s, double value, int64_t age_ns);
/* Something for people about this round, shown until the next one ends. */
void source_say(struct source *s, const char *format, ...) PRINTF_LIKE(2, 3);
/* The round is over: its values are screened, folded and told. None: as `empty` says. */
void source_end(struct source *s);
/* The round is over and told nothing. retry_ns: when the other side wants to be asked again at the
 * earliest; -1 = it said nothing. The words are for people. */
void source_fail(struct source *s, enum source_fault fault, int64_t retry_ns, const char *format,
                 ...) PRINTF_LIKE(4, 5);

/* ---- around ---- */

struct loop *source_loop(const struct source *s);
struct http_client *source_client(const struct source *s);    /* one for all sources */
struct web_client *source_web_client(const struct source *s); /* the same, for https; NULL: none */
const struct log *source_log(const struct source *s);
int64_t source_now_ns(const struct source *s); /* on the axis of the groups */
/* Replicas of the pool that exist, index from 0; false past the end. */
bool source_replica(const struct source *s, size_t index, struct source_replica *ret);
/* What a replica uses of this machine; false when it is not of this machine. */
bool source_usage(const struct source *s, uint64_t replica, struct source_usage *ret);
const char *source_gpus(const struct source *s, uint64_t replica); /* "" = none known */

#endif
