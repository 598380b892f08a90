/* decision_view.h - decisions of the core as the API shows them. */
#ifndef SLUICE_API_DECISION_VIEW_H
#define SLUICE_API_DECISION_VIEW_H

#include "api/views.h"
#include "core/group.h"

/* One decision of one pool, with the storage behind its view. All is borrowed until it is printed.
 */
struct decision_bundle {
    const struct group_spec *group;
    size_t pool;
    const struct decision *decision;
    struct decision_view view;
    struct proposal_view proposal;
    char words[512];
};
void decision_fill(struct decision_bundle *bundle, const struct group_spec *group, size_t pool,
                   const struct decision *decision);
/* Code and words of the reason that spoke last; the proposal's when no stage did. */
const char *decision_reason(const struct decision *decision);
void decision_words(const struct group_spec *group, size_t pool, const struct decision *decision,
                    char *ret_text, size_t size);

#define INPUTS_SHOWN_MAX 64
#define HINTS_SHOWN_MAX 16

/* The whole answer to "why". */
struct why_bundle {
    struct decision_bundle decision;
    struct counts_view counts;
    struct group_input input[INPUTS_SHOWN_MAX];
    size_t input_count;
    const struct trail_entry *hint[HINTS_SHOWN_MAX]; /* entries that have a hint */
    size_t hint_count;
    char sentence[768];
    struct why_view view;
};
/* state: with everything filed that the tick saw; NULL = the inputs are not known. */
void why_fill(struct why_bundle *bundle, const struct group_spec *group, size_t pool,
              const struct decision *decision, const struct observation *observation,
              const struct group_state *state);

#endif
