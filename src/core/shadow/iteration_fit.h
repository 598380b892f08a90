/* iteration_fit.h - how long an iteration of an engine takes, learned while it works:
 * t = a + b * sequences + c * context tokens + p * prompt tokens.
 *
 * Over any span of busy time that is an identity, linear in the four unknowns:
 * busy = a * iterations + b * decoded tokens + c * context read + p * prompt tokens. Each span is a
 * row of a regression with forgetting, weighted down where it does not fit (idle time that nobody
 * saw), and pulled weakly towards a prior. Plain numbers inside a state block; one owner. */
#ifndef SLUICE_CORE_SHADOW_ITERATION_FIT_H
#define SLUICE_CORE_SHADOW_ITERATION_FIT_H

#include <stdbool.h>

#include "base/opt.h"

#define ITERATION_TERMS 4

/* Seconds per iteration, per decoding sequence, per context token, per prompt token. */
struct iteration_time {
    double each;
    double sequence;
    double context;
    double prompt;
};

/* What replicas did in a span of time, added up. */
struct iteration_work {
    double busy_s; /* time with at least one request, all replicas together */
    double iterations;
    double decoded; /* tokens after the first of each answer */
    double context; /* context tokens of the sequence, summed over those */
    double prompts; /* prompt tokens computed */
    double wall_s;  /* of the clock, in which it was done */
};

struct iteration_fit {
    double prior[ITERATION_TERMS];
    double normal[ITERATION_TERMS * ITERATION_TERMS]; /* of rows divided by busy time and prior */
    double right[ITERATION_TERMS];
    double factor[ITERATION_TERMS]; /* of the prior: the solution */
    double weight;                  /* of all rows, forgotten slowly */
    struct iteration_work work;     /* towards the next row */
};
/* NOLINTBEGIN(bugprone-macro-parentheses): designators cannot stand in parentheses. */
#define ITERATION_FIT_FIELDS(struct_, member_)                                                     \
    FIELD_ARRAY(F64, struct_, member_.prior, 4), FIELD_ARRAY(F64, struct_, member_.normal, 16),    \
        FIELD_ARRAY(F64, struct_, member_.right, 4), FIELD_ARRAY(F64, struct_, member_.factor, 4), \
        FIELD(F64, struct_, member_.weight), FIELD(F64, struct_, member_.work.busy_s),             \
        FIELD(F64, struct_, member_.work.iterations), FIELD(F64, struct_, member_.work.decoded),   \
        FIELD(F64, struct_, member_.work.context), FIELD(F64, struct_, member_.work.prompts),      \
        FIELD(F64, struct_, member_.work.wall_s)
/* NOLINTEND(bugprone-macro-parentheses) */

/* Nothing learned yet. With NULL the prior is the middle of what is measured on known engines. */
void iteration_fit_init(struct iteration_fit *fit, const struct iteration_time *prior);
/* Another prior; of a term that is 0 the middle. Nothing changes once rows were learned from. */
void iteration_fit_expect(struct iteration_fit *fit, const struct iteration_time *prior);
/* Adds work; a row is made of it when it is long enough. */
void iteration_fit_add(struct iteration_fit *fit, const struct iteration_work *work);
/* Enough rows to count on. */
bool iteration_fit_known(const struct iteration_fit *fit);
struct iteration_time iteration_fit_time(const struct iteration_fit *fit);

#endif
