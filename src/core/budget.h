/* budget.h - money of one pool: a ledger of the day, and what a spent budget does.
 *
 * Lives in the state of a stage; one owner. The ledger adds up what is held at its price, tick by
 * tick on the axis of the group; days are those of UTC. A sum that somebody else keeps
 * (observation.spent_today) takes its place. */
#ifndef SLUICE_CORE_BUDGET_H
#define SLUICE_CORE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/opt.h"
#include "core/decision.h"
#include "core/spec.h"

struct budget_ledger {
    int64_t day;      /* since 1970, UTC; INT64_MIN = none yet */
    int64_t at_ns;    /* last tick */
    double spent;     /* of the day */
    double per_hour;  /* what was held at the last tick; NAN = a price is unknown */
    int64_t steps;    /* of the specification's list that are in force */
    int64_t steps_ns; /* since when the last of them */
};
/* NOLINTBEGIN(bugprone-macro-parentheses): designators cannot stand in parentheses. */
#define BUDGET_FIELDS(struct_, member_)                                                            \
    FIELD(I64, struct_, member_.day), FIELD(I64, struct_, member_.at_ns),                          \
        FIELD(F64, struct_, member_.spent), FIELD(F64, struct_, member_.per_hour),                 \
        FIELD(I64, struct_, member_.steps), FIELD(I64, struct_, member_.steps_ns)
/* NOLINTEND(bugprone-macro-parentheses) */

void budget_init(struct budget_ledger *ledger, int64_t now_ns);

struct budget_view {
    double spent;   /* today; NAN = nobody knows */
    bool exhausted; /* the daily budget is spent */
    bool unknown;   /* there is a budget, but not what is spent of it (R14) */
    bool to_min;
    bool fallback;
    bool all_spot;
};
/* One tick. */
struct budget_view budget_tick(struct budget_ledger *ledger, const struct pool_spec *pool,
                               const struct pool_observation *observation, int64_t now_ns,
                               int64_t wall_ns);

#endif
