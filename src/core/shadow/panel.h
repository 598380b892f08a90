/* panel.h - candidate rules that are tried on shadow fleets while the real one runs, and the choice
 * among them: the cheapest whose foreseen misses fit what the promise still allows.
 *
 * A candidate is a demand signal, a margin on it and a hold; or a fleet of one size that grows
 * while more than that is in demand. Every second each of them is fed with
 * the requests that really came; a mirror, fed likewise but given the real replicas, tells how far
 * the shadows can be trusted: the ratio of measured to mirrored misses of each minute corrects that
 * minute for all. Flat, inside a state block; one owner. Seconds count from the begin of the panel.
 */
#ifndef SLUICE_CORE_SHADOW_PANEL_H
#define SLUICE_CORE_SHADOW_PANEL_H

#include <assert.h>
#include <stdbool.h>

#include "core/shadow/shadow.h"

enum panel_signal {
    PANEL_SHORT,  /* prompts of half a minute and generation of late */
    PANEL_LONG,   /* the same over 90 s */
    PANEL_DAY,    /* largest load of the last day */
    PANEL_FLIGHT, /* requests in flight and waiting */
    PANEL_DEMANDS,
    PANEL_FLOOR = PANEL_DEMANDS, /* none: a size, and above it what is in demand now */
    PANEL_SIGNALS
};

#define PANEL_MARGINS 14 /* or sizes, in one block of candidates */
#define PANEL_BLOCKS 16
#define PANEL_HOLD_LEAST_S 60 /* no candidate lowers sooner */
#define PANEL_CANDIDATES INT64_C(224)
#define PANEL_SLOTS 256 /* of SHADOW_SLOT_S: until a minute is settled */

struct panel {
    int64_t second;   /* the next one */
    int64_t judged;   /* the next second to be judged */
    int64_t settled;  /* the next minute to be settled */
    int64_t chosen;   /* candidate */
    int64_t flight;   /* 1 while requests live so long that those in flight are the demand */
    struct hold real; /* the rule of the chosen candidate on the measured signal */
    double requests;  /* settled, forgotten over a day as the candidates' misses */
    double all;       /* that count for the promise, forgotten over weeks */
    double missed;    /* of them */
    double day;       /* misses, forgotten over a day, and... */
    double told;      /* ...what the shadows of those that were chosen had told for them */
    double rate;      /* requests a second, of the last hour */
    double allowed;   /* at the last choice: share that may miss */
    double foreseen;  /* and will, by the chosen one */
    int64_t cheaper;  /* candidate that costs less and fails the budget least; -1 = none */
    double cheaper_foreseen;
    double fresh; /* misses of requests that came after the last second */
    double slot_requests[PANEL_SLOTS];
    double slot_missed[PANEL_SLOTS];
    double minute_requests[SHADOW_MINUTES];
    double minute_missed[SHADOW_MINUTES];
    double minute_bound[SHADOW_MINUTES]; /* seconds in which limits kept the count down */
    uint16_t minute_chosen[SHADOW_MINUTES];
    uint8_t slot_code[PANEL_SLOTS];
    struct miss_curve curve;
    struct shadow mirror;
    struct shadow candidate[PANEL_CANDIDATES];
};
static_assert(PANEL_CANDIDATES == INT64_C(1) * PANEL_BLOCKS * PANEL_MARGINS,
              "one candidate for each margin or size of a block");

/* NOLINTBEGIN(bugprone-macro-parentheses): designators cannot stand in parentheses. */
#define PANEL_FIELDS(struct_, member_)                                                             \
    FIELD(I64, struct_, member_.second), FIELD(I64, struct_, member_.judged),                      \
        FIELD(I64, struct_, member_.settled), FIELD(I64, struct_, member_.chosen),                 \
        FIELD(I64, struct_, member_.flight), FIELD(I64, struct_, member_.real.count),              \
        FIELD(I64, struct_, member_.real.most), FIELD(I64, struct_, member_.real.from_s),          \
        FIELD(F64, struct_, member_.requests), FIELD(F64, struct_, member_.all),                   \
        FIELD(F64, struct_, member_.missed), FIELD(F64, struct_, member_.day),                     \
        FIELD(F64, struct_, member_.told), FIELD(F64, struct_, member_.rate),                      \
        FIELD(F64, struct_, member_.allowed), FIELD(F64, struct_, member_.foreseen),               \
        FIELD(F64, struct_, member_.fresh), FIELD(I64, struct_, member_.cheaper),                  \
        FIELD(F64, struct_, member_.cheaper_foreseen)
/* NOLINTEND(bugprone-macro-parentheses) */

struct panel_rule {
    enum panel_signal signal;
    int64_t least; /* of PANEL_FLOOR; else 0 */
    double margin;
    int64_t hold_s;
};
struct panel_rule panel_rule(int64_t candidate, int64_t start_s);

/* What the panel is told of the world. */
struct panel_world {
    struct fluid_model model;
    double alpha;    /* share of requests that may miss, by the promise */
    double margin;   /* on every need */
    int64_t start_s; /* how long a start takes */
    int64_t hold_s;  /* no shorter hold; 0 = as the candidates say */
    int64_t least;   /* bounds in force, at least 1 */
    int64_t most;
    double demand[PANEL_DEMANDS]; /* in replicas; of PANEL_FLIGHT the measured one */
};

void panel_init(struct panel *panel, const struct panel_world *world, int64_t ready);
/* Second panel->second: requests and prompt tokens that came in it, replicas that were ready;
 * bound: less were there than wanted, for want of leave. */
struct panel_second {
    double requests;
    double prompts;
    int64_t ready;
    bool bound;
};
void panel_second(struct panel *panel, const struct panel_world *world,
                  const struct panel_second *now);
/* A request that came in second at_s has missed its objectives. */
void panel_missed(struct panel *panel, int64_t at_s, double count);
/* One tick: every candidate follows its rule. Returns the count for the real fleet. */
int64_t panel_tick(struct panel *panel, const struct panel_world *world);
/* The demand that a rule goes by. */
enum panel_signal panel_demand(const struct panel *panel, const struct panel_rule *rule);
/* Need of a rule, in replicas, before it is rounded. */
double panel_need(const struct panel_world *world, const struct panel_rule *rule, double demand);

/* panel_choose.c: chooses anew; once a minute. */
void panel_choose(struct panel *panel, const struct panel_world *world);
double panel_rate(const struct panel *panel, const struct panel_world *world, int64_t candidate);

#endif
