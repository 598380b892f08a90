/* inventory.h - the GPUs of this machine and what holds them: as a person described them, or as
 * they were found. */
#ifndef SLUICE_TARGET_INVENTORY_H
#define SLUICE_TARGET_INVENTORY_H

#include "config/config.h"
#include "target/gpu.h"

#define GPU_IDS_SIZE (GPUS_PER_REPLICA_MAX * NAME_SIZE)

struct inventory {
    struct gpu_inventory *gpus; /* owned; NULL = nothing is known of GPUs */
    enum gpu_placement placement;
};

/* Builds the inventory of a configuration, with nothing taken; `found` are the devices of this
 * machine, for a configuration that describes none. Errors of gpu_inventory_check(), RC_NO_MEMORY.
 */
enum rc inventory_init(struct inventory *inventory, const struct config *config,
                       const struct gpu_inventory *found, struct diag *diag) MUST_CHECK;
void inventory_done(struct inventory *inventory);

/* What one replica of a pool and class needs. */
void inventory_need(const struct inventory *inventory, const struct pool_config *pool,
                    uint16_t class_, struct gpu_need *ret);
bool inventory_needs_gpus(const struct gpu_need *need);
/* Codes of gpu_take(); RC_NOT_FOUND with words when GPUs are needed and none is known. */
enum rc inventory_take(struct inventory *inventory, const struct gpu_need *need,
                       struct gpu_grant *ret, struct diag *diag) MUST_CHECK;
/* Marks what a running replica uses (ids with commas). Returns how many of them are not known. */
size_t inventory_claim(struct inventory *inventory, struct span ids, double ratio,
                       struct gpu_grant *ret);
void inventory_give_back(struct inventory *inventory, const struct gpu_grant *grant);
/* Replicas that would fit if nothing were taken; INT64_MAX = unlimited. */
int64_t inventory_capacity(const struct inventory *inventory, const struct gpu_need *need);
/* Replicas of a pool that would fit, of all its classes together; INT64_MAX = unlimited. */
int64_t inventory_room(const struct inventory *inventory, const struct pool_config *pool);
double inventory_free(const struct inventory *inventory); /* devices; INFINITY = not known */

#endif
