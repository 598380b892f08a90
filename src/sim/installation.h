/* installation.h - a configuration as the control step takes it: pools put into groups and
 * compiled, names of models routed, limits and targets as plain data. The daemon and the simulator
 * start from here. Pure; immutable once made. */
#ifndef SLUICE_SIM_INSTALLATION_H
#define SLUICE_SIM_INSTALLATION_H

#include "base/mem.h"
#include "base/rc.h"
#include "config/config.h"
#include "reconcile/reconcile.h"
#include "traffic/dispatch.h"

struct installation {
    struct arena arena; /* owns everything below */
    const struct config *config;
    struct reconcile_spec spec;
    const struct pool_config **pool; /* in the order of spec: all pools of the first group, ... */
    size_t pool_count;
};

/* Pools with one `group` are decided together, in the order of the file; others alone, under their
 * own name. Keeps config: it must outlive the result. Errors of group_compile(), RC_LIMIT for a
 * group of more than POOLS_PER_GROUP_MAX, RC_DUPLICATE for a group named like a pool outside it. */
enum rc installation_make(const struct config *config, struct installation **ret,
                          struct diag *diag) MUST_CHECK;
void installation_free(struct installation *installation);

/* Limits, balancing and objectives of a pool as its dispatcher takes them, in the gateway and in
 * the simulator; what the pool says nothing of stays as it is in *ret. */
void installation_dispatch(const struct pool_config *pool, struct dispatch_config *ret);

/* Where a pool of role prefill hands its requests on to: the one of role decode in its group;
 * SIZE_MAX for any other. */
size_t installation_decode_pool(const struct installation *installation, size_t pool);

#endif
