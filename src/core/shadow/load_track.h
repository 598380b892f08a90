/* load_track.h - the load of a pool as the panel wants it: amounts that came since the last look,
 * means of prompts and answers, rates of late, the largest load of the last day.
 *
 * Plain numbers inside a state block; one owner. Unknown means are 0 until something was seen. */
#ifndef SLUICE_CORE_SHADOW_LOAD_TRACK_H
#define SLUICE_CORE_SHADOW_LOAD_TRACK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/shadow/fluid.h"

#define TRACK_SECONDS 128
#define TRACK_SHORT_S 30
#define TRACK_LONG_S 90
#define TRACK_HOURS 24

/* Amounts since the last tick. */
struct track_inbox {
    double requests;
    double prompts;
    double generated;
    double answers; /* completed */
    double answer_tokens;
    struct iteration_work work;
};

struct load_track {
    struct track_inbox inbox;
    double prompts[TRACK_SECONDS]; /* that came in each second */
    double generated_short;        /* tokens a second */
    double generated_long;
    double sum_requests; /* forgotten slowly, for the means */
    double sum_prompts;
    double sum_square; /* of the deviation of prompts from their mean */
    double sum_answers;
    double sum_answer_tokens;
    double context;           /* of a running sequence */
    double hour[TRACK_HOURS]; /* largest load of each of the last hours, in replicas */
    int64_t seconds;          /* seen */
    int64_t taken;            /* up to this one */
    int64_t unseen_s;         /* that were passed over, though what came in them is in the inbox */
};
/* NOLINTBEGIN(bugprone-macro-parentheses): designators cannot stand in parentheses. */
#define LOAD_TRACK_FIELDS(struct_, member_)                                                        \
    FIELD(F64, struct_, member_.inbox.requests), FIELD(F64, struct_, member_.inbox.prompts),       \
        FIELD(F64, struct_, member_.inbox.generated), FIELD(F64, struct_, member_.inbox.answers),  \
        FIELD(F64, struct_, member_.inbox.answer_tokens),                                          \
        FIELD(F64, struct_, member_.inbox.work.busy_s),                                            \
        FIELD(F64, struct_, member_.inbox.work.iterations),                                        \
        FIELD(F64, struct_, member_.inbox.work.decoded),                                           \
        FIELD(F64, struct_, member_.inbox.work.context),                                           \
        FIELD(F64, struct_, member_.inbox.work.prompts),                                           \
        FIELD_ARRAY(F64, struct_, member_.prompts, TRACK_SECONDS),                                 \
        FIELD(F64, struct_, member_.generated_short), FIELD(F64, struct_, member_.generated_long), \
        FIELD(F64, struct_, member_.sum_requests), FIELD(F64, struct_, member_.sum_prompts),       \
        FIELD(F64, struct_, member_.sum_square), FIELD(F64, struct_, member_.sum_answers),         \
        FIELD(F64, struct_, member_.sum_answer_tokens), FIELD(F64, struct_, member_.context),      \
        FIELD_ARRAY(F64, struct_, member_.hour, TRACK_HOURS),                                      \
        FIELD(I64, struct_, member_.seconds), FIELD(I64, struct_, member_.taken),                  \
        FIELD(I64, struct_, member_.unseen_s)
/* NOLINTEND(bugprone-macro-parentheses) */

/* A share of the inbox stands for one second; `seen_s` seconds are in it, and those unseen. */
struct track_second {
    double requests;
    double prompts;
};
struct track_second track_second(struct load_track *track, double seen_s);
/* Takes the inbox: means follow, the fit is fed, it is empty afterwards. */
void track_take(struct load_track *track, struct iteration_fit *fit);
/* Means are known. */
bool track_known(const struct load_track *track);
struct fluid_load track_load(const struct load_track *track);
/* Demand in replicas over the last seconds, as the first two signals of the panel. */
double track_demand(const struct load_track *track, const struct fluid_model *model, bool is_short);
/* Largest of the last day; keeps `demand` in mind for it. */
double track_day(struct load_track *track, double demand);

#endif
