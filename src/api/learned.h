/* learned.h - what a policy has learned of a pool, as the API shows it. */
#ifndef SLUICE_API_LEARNED_H
#define SLUICE_API_LEARNED_H

#include "api/shape.h"
#include "core/group.h"

/* Unknown is NAN, TIME_NONE for the hold. */
struct learned_view {
    /* What an iteration takes: the four of the option `prior`. */
    double iteration_ms, sequence_ms, context_ms, prompt_ms;
    /* The rule that is followed. */
    double margin;
    double floor;
    int64_t hold_ns;
    double use_percent;
    /* Until that is known: what a replica was seen to carry. */
    double carries_requests, carries_tokens;
    bool guess; /* nothing was measured yet */
    double allowed_percent, foreseen_percent, missed_percent;
};
extern const struct shape shape_learned;

/* False: the policy of the pool learns nothing, or nothing yet. */
bool learned_fill(struct learned_view *view, const struct group_spec *group,
                  const struct group_state *state, size_t pool, const struct decision *decision);
/* In a few words: "29 ms an iteration; need x 1.11, held 60 s". */
void learned_words(const struct learned_view *view, struct buf *out);

#endif
