/* pool_view.h - a pool as the API shows it. */
#ifndef SLUICE_API_POOL_VIEW_H
#define SLUICE_API_POOL_VIEW_H

#include "api/decision_view.h"
#include "api/learned.h"
#include "api/source_view.h"
#include "control/control.h"

/* One pool with the storage behind its view; borrowed from control until it is printed. */
struct pool_bundle {
    struct pool_status status;
    struct pool_view view;
    struct replicas_view replicas;
    struct traffic_view traffic;
    struct pin_view pin;
    struct pause_view pause;
    struct objective_view objective;
    struct decision_bundle decision;
    struct learned_view learned;
    char learned_words[128];
    struct source_cursor source;
    const char *shadow[SHADOWS_PER_POOL_MAX];
    char sentence[640];
};
void pool_fill(struct pool_bundle *bundle, const struct control *control, size_t pool);
/* When the next starting replica is expected; TIME_NONE: none, or unknown. */
int64_t pool_ready_in_ns(const struct control *control, size_t pool,
                         const struct pool_status *status);

#endif
