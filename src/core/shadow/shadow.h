/* shadow.h - a fleet that is not there: the fluid of fluid.h with replicas that start as slowly as
 * real ones, follow a target with a hold, and keep count of what they cost and what they would have
 * missed.
 *
 * Flat, about 250 bytes, inside a state block. Seconds count from any origin, upwards. */
#ifndef SLUICE_CORE_SHADOW_SHADOW_H
#define SLUICE_CORE_SHADOW_SHADOW_H

#include <stdint.h>

#include "core/shadow/fluid.h"
#include "core/shadow/miss_curve.h"

#define SHADOW_SLOT_S 4 /* stress is remembered in slots of so many seconds: their worst */
#define SHADOW_SLOTS 64
#define SHADOW_DELAY_MAX INT64_C(248) /* s from a second to its judgement: all slots but two */
#define SHADOW_MINUTES 16
#define SHADOW_STARTS 8 /* batches of starts under way; more are put together with the last */

/* Up at once; down, to the largest need since, when the hold is over. */
struct hold {
    int64_t count;
    int64_t most;   /* largest need since... */
    int64_t from_s; /* ...this second */
};
/* Returns the count after a need was seen. */
int64_t hold_follow(struct hold *hold, int64_t need, int64_t now_s, int64_t hold_s);

struct shadow {
    struct fluid fluid;
    struct hold hold;
    double cost;   /* replica-seconds, forgotten over a day */
    double miss;   /* requests, likewise */
    double square; /* of the misses of each minute, likewise */
    int32_t ready;
    int32_t pending;
    struct {
        int32_t due_s;
        int32_t count;
    } start[SHADOW_STARTS];
    uint8_t wait[SHADOW_SLOTS];      /* stress code by slot */
    uint32_t minute[SHADOW_MINUTES]; /* 1/256 requests missed, by minute of arrival */
};

void shadow_init(struct shadow *shadow, int64_t ready, double iteration_s, int64_t now_s);
/* Starts or stops replicas so that ready and pending are `count`; those that stop go on for a while
 * and cost. */
void shadow_order(struct shadow *shadow, const struct fluid_model *model, int64_t count,
                  int64_t now_s, int64_t start_s);
/* Second now_s with the prompts that came. */
void shadow_second(struct shadow *shadow, const struct fluid_model *model, double prompts,
                   int64_t now_s);
/* Stress code of the requests that came in second at_s, as known now. */
unsigned shadow_stress(const struct shadow *shadow, const struct fluid_model *model, int64_t at_s);
/* Counts what the curve says of those requests. */
void shadow_judge(struct shadow *shadow, const struct fluid_model *model,
                  const struct miss_curve *curve, double requests, int64_t at_s);
double shadow_missed(const struct shadow *shadow, int64_t minute);
/* Adds misses of a minute that is over. */
void shadow_settle(struct shadow *shadow, double missed);
/* What it must be thought to miss: misses that came together are one event, and of few events one
 * more or less is likely. */
double shadow_missed_likely(const struct shadow *shadow);

#endif
