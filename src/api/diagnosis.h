/* diagnosis.h - what held a pool back over a time, added up from recorded decisions, and the one
 * setting that would change it: the three cases of trouble that people have with scaling.
 *
 * Pure: decisions go in, oldest first; findings come out. A decision counts until the next one, at
 * most a minute (groups at rest are recorded that rarely). */
#ifndef SLUICE_API_DIAGNOSIS_H
#define SLUICE_API_DIAGNOSIS_H

#include "base/duration.h"
#include "base/tree.h"
#include "core/decision.h"

#define DIAGNOSIS_HOLDS_MAX 48
#define DIAGNOSIS_TICK_NS_MAX MINUTE_NS
/* A finding needs this share of the time, or so many turns within an hour. */
#define DIAGNOSIS_UP_RATIO 0.02
#define DIAGNOSIS_DOWN_RATIO 0.25
#define DIAGNOSIS_TURNS_PER_HOUR 4
#define DIAGNOSIS_TURNS_MIN 3

/* A stage that held the count, in one direction, for one reason. */
struct diagnosis_hold {
    enum stage_id stage;
    enum reason reason;
    bool up; /* more was wanted; else less */
    int64_t ticks;
    int64_t span_ns;
    int64_t replicas_max; /* largest difference that it made */
};

struct diagnosis {
    int64_t ticks;
    int64_t span_ns; /* that the decisions cover */
    int64_t ups, downs;
    int64_t turns;        /* changes against the direction of the one before */
    int64_t swing_ns_max; /* longest time from a lowering to the raise that took it back */
    struct diagnosis_hold hold[DIAGNOSIS_HOLDS_MAX];
    size_t hold_count;
    /* the decision whose end is not known yet */
    int64_t open_wall_ns;
    size_t open[TRAIL_MAX + 1];
    size_t open_count;
    int last_way; /* of the last change: 1, -1, 0 = none yet */
    int64_t last_from;
    int64_t last_to;
    int64_t last_wall_ns;
};
void diagnosis_init(struct diagnosis *d);
/* One recorded decision, as decision_print() makes it; unknown codes are left out. */
void diagnosis_add(struct diagnosis *d, int64_t wall_ns, const struct tree *decision);
void diagnosis_end(struct diagnosis *d, int64_t wall_ns);

enum diagnosis_case { CASE_FREQUENT, CASE_SLOW_UP, CASE_NOT_DOWN };
const char *diagnosis_case_name(enum diagnosis_case case_); /* "frequent-scaling" ... */

enum setting_way { SETTING_LARGER, SETTING_SMALLER, SETTING_OTHER };
const char *setting_way_name(enum setting_way way);
/* The setting behind a reason. path "": none helps; words say what does. */
struct setting {
    const char *path; /* under pools.NAME */
    enum setting_way way;
    const char *words;
};
struct setting setting_of(enum reason reason); /* words NULL: nothing is known */

/* What else is known about the pool, now. */
struct diagnosis_facts {
    int64_t start_p90_ns;   /* 0 = unknown */
    double warm_percent;    /* kept warm */
    int64_t window_down_ns; /* stabilisation in force */
    bool averages;          /* metrics with windows of their own decide */
    bool own_pace;          /* the policy brings its whole loop, pace included */
    const char *policy;
};
struct diagnosis_finding {
    enum diagnosis_case case_;
    const struct diagnosis_hold *hold; /* NULL: no stage is behind it */
    int64_t span_ns;                   /* of the trouble */
    char path[96];
    enum setting_way way;
    char text[384];
};
#define DIAGNOSIS_FINDINGS_MAX 3
/* The longest trouble first. Returns how many. */
size_t diagnosis_findings(const struct diagnosis *d, const struct diagnosis_facts *facts,
                          struct diagnosis_finding ret[DIAGNOSIS_FINDINGS_MAX]);

#endif
