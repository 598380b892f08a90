/* accounts.h - what is added up between ticks for the history: demand and supply by the minute,
 * money by day and class, and what became of each change of the count.
 *
 * Ticks go in; rows for the store come out through a function of the caller. No clock, no file: the
 * times are those of the ticks. One account a pool, one owner. */
#ifndef SLUICE_CONTROL_ACCOUNTS_H
#define SLUICE_CONTROL_ACCOUNTS_H

#include "base/mem.h"
#include "reconcile/reconcile.h"
#include "store/store.h"

#define ACCOUNT_GAP_NS_MAX MINUTE_NS /* a longer silence is not added up: nobody saw it */
#define OUTCOME_SETTLE_NS MINUTE_NS  /* this long at its count a change is over */
#define OUTCOME_NS_MAX (30 * MINUTE_NS)
#define ACCOUNT_REST_EVERY                                                                         \
    10 /* of the minutes in which nothing was and nothing came, one is kept */

/* A change of the count that is not over. */
struct account_outcome {
    bool open;
    int64_t wall_ns, now_ns; /* decided */
    int64_t from, to;
    uint16_t reason;
    int64_t ready_before;
    int64_t first_ready_ns, there_ns; /* TIME_NONE = not yet */
    double utilization_before;        /* NAN = unknown, as below */
    double requests_before, good_before;
    double cost; /* so far */
};

struct account {
    char pool[NAME_SIZE];
    int64_t minute;        /* of the wall clock; INT64_MIN = none yet */
    int64_t begin_wall_ns; /* of the row: of its minute, or of the first tick */
    int64_t now_ns;        /* of the last tick */
    int64_t rest;          /* minutes at rest in a row */
    /* the world since the last tick */
    struct pool_observation seen;
    double need; /* replicas asked for by the policy; NAN = it had no answer */
    int64_t desired;
    /* added up within the minute: amounts times seconds */
    double seconds, ready, pending, warm, wanted, need_sum, need_seconds;
    double traffic_seconds, in_flight, waiting;
    int64_t waiting_max;
    double wait_s_max; /* NAN = nobody told */
    double class_seconds[CLASSES_PER_POOL_MAX];
    double other_seconds; /* warm, draining, blocked */
    double cost;
    double cost_ever; /* since the start */
    double cost_day;  /* of `day` (UTC) */
    int64_t day;
    struct pool_totals before; /* at the last row */
    struct account_outcome outcome;
};

struct accounts_out {
    void *user;
    void (*row)(void *user, enum store_series series, const char *pool, int64_t wall_ns,
                struct span json);
    void (*bill)(void *user, const struct store_bill *bill);
    /* Amounts since the start; asked for at rows and changes only. False: unknown. */
    bool (*totals)(void *user, const char *pool, struct pool_totals *ret);
};

/* paid: on `day`, by earlier runs. */
void account_init(struct account *account, const char *pool, int64_t day, double paid);
/* One pool at a tick. */
struct account_view {
    const struct pool_spec *spec;
    const struct observation *observation;
    const struct decision *decision;
    size_t pool;                  /* its place in the group */
    const struct sample *samples; /* of the whole group */
    size_t sample_count;
};
void account_tick(struct account *account, const struct account_view *view,
                  const struct accounts_out *out);
/* The same from the record of the tick. */
void account_record(struct account *account, const struct tick_record *record, size_t pool,
                    const struct accounts_out *out);
/* What is not written yet, at the end. */
void account_close(struct account *account, const struct pool_spec *spec,
                   const struct accounts_out *out);

#endif
