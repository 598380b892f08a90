/* adaptive_panel.h - between the adaptive policy and the panel of shadow fleets: samples into
 * amounts, ticks into seconds, the pool's specification into objectives. Private to the policy. */
#ifndef SLUICE_CORE_POLICY_ADAPTIVE_PANEL_H
#define SLUICE_CORE_POLICY_ADAPTIVE_PANEL_H

#include "core/policy/adaptive_fallback.h"
#include "core/shadow/load_track.h"
#include "core/shadow/panel.h"

struct adaptive_panel {
    int64_t origin_ns; /* second 0 of the track */
    int64_t begun;     /* 1 = the panel decides; 2 = it does, by a prior */
    int64_t begun_s;   /* second of the track at which it began */
    int64_t start_s;   /* how long a start takes, as last told */
    int64_t wanted;    /* its last answer; NO_COUNT = none */
    int64_t seen;      /* the count at that answer */
    int64_t found;     /* replicas at the start: kept until... */
    int64_t found_until_ns;
    int64_t blind_from_ns; /* the last span of time that was passed over */
    int64_t blind_until_ns;
    struct iteration_fit fit;
    struct load_track track;
    struct panel panel; /* the last member: what no field describes stands at its end */
};
/* NOLINTBEGIN(bugprone-macro-parentheses): designators cannot stand in parentheses. */
#define ADAPTIVE_PANEL_FIELDS(struct_, member_)                                                    \
    FIELD(I64, struct_, member_.origin_ns), FIELD(I64, struct_, member_.begun),                    \
        FIELD(I64, struct_, member_.begun_s), FIELD(I64, struct_, member_.start_s),                \
        FIELD(I64, struct_, member_.wanted), FIELD(I64, struct_, member_.seen),                    \
        FIELD(I64, struct_, member_.found), FIELD(I64, struct_, member_.found_until_ns),           \
        FIELD(I64, struct_, member_.blind_from_ns), FIELD(I64, struct_, member_.blind_until_ns),   \
        ITERATION_FIT_FIELDS(struct_, member_.fit), LOAD_TRACK_FIELDS(struct_, member_.track),     \
        PANEL_FIELDS(struct_, member_.panel)
/* NOLINTEND(bugprone-macro-parentheses) */

void adaptive_panel_init(struct adaptive_panel *panel, int64_t now_ns, int64_t ready);
bool adaptive_panel_valid(const struct adaptive_panel *panel);
void adaptive_panel_sample(struct adaptive_panel *panel, const struct sample *sample);
/* What stands behind the last answer; returns how many of POLICY_TERMS_MAX. */
size_t adaptive_panel_terms(const struct pool_spec *pool, const struct adaptive_panel *panel,
                            struct policy_term *ret);
/* One tick; false: nothing to say yet, the capacity of a replica is not known. */
bool adaptive_panel_propose(const struct policy_input *in, struct adaptive_panel *panel,
                            const struct adaptive_demand *demand, struct proposal *ret);

#endif
