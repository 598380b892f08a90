/* inventory.c - see inventory.h. */
#include "target/inventory.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/num.h"

static_assert(GPUS_MAX <= GPU_DEVICES_MAX, "a described inventory fits");
static_assert(sizeof((struct gpu_config){0}.name) <= sizeof((struct gpu_device){0}.id), "ids fit");

static void describe(struct gpu_inventory *gpus, const struct inventory_config *config)
{
    gpus->device_count = config->gpu_count;
    for (size_t i = 0; i < config->gpu_count; i++) {
        const struct gpu_config *from = &config->gpu[i];
        struct gpu_device *to = &gpus->device[i];
        memcpy(to->id, from->name, sizeof to->id);
        memcpy(to->type, from->type, sizeof to->type);
        memcpy(to->parent, from->parent, sizeof to->parent);
        memcpy(to->island, from->island, sizeof to->island);
        to->memory_bytes = from->memory_bytes;
    }
}

enum rc inventory_init(struct inventory *inventory, const struct config *config,
                       const struct gpu_inventory *found, struct diag *diag)
{
    struct inventory made = {.placement = config->inventory.placement == PLACEMENT_SPREADING
                                              ? GPU_SPREADING
                                              : GPU_PACKING};
    if (config->inventory.gpu_count == 0 && found->device_count == 0) {
        *inventory = made;
        return RC_OK;
    }
    made.gpus = mem_new(1, sizeof *made.gpus);
    if (!made.gpus)
        return fail(diag, RC_NO_MEMORY, "no memory for an inventory of GPUs");
    if (config->inventory.gpu_count > 0)
        describe(made.gpus, &config->inventory);
    else
        *made.gpus = *found;
    const enum rc rc = gpu_inventory_check(made.gpus, diag);
    if (rc != RC_OK) {
        diag_at(diag, "inventory.gpus");
        inventory_done(&made);
        return rc;
    }
    *inventory = made;
    return RC_OK;
}

void inventory_done(struct inventory *inventory)
{
    free(inventory->gpus);
    inventory->gpus = NULL;
}

void inventory_need(const struct inventory *inventory, const struct pool_config *pool,
                    uint16_t class_, struct gpu_need *ret)
{
    const struct process_target *p = &pool->target.process;
    *ret = (struct gpu_need){
        .count = p->gpus, .memory_bytes = p->gpu_memory_bytes, .placement = inventory->placement};
    memcpy(ret->type, p->gpu_type, sizeof ret->type);
    if (class_ >= pool->core.class_count)
        return;
    /* A class says more precisely what the target says for all. */
    const struct class_spec *c = &pool->core.class_[class_];
    if (c->gpu_type[0] != '\0')
        memcpy(ret->type, c->gpu_type, sizeof ret->type);
    if (c->gpus > 0 && ret->memory_bytes <= 0)
        ret->count = c->gpus;
}

bool inventory_needs_gpus(const struct gpu_need *need)
{
    return need->count > 0 || need->memory_bytes > 0;
}

enum rc inventory_take(struct inventory *inventory, const struct gpu_need *need,
                       struct gpu_grant *ret, struct diag *diag)
{
    if (inventory->gpus)
        return gpu_take(inventory->gpus, need, ret, diag);
    if (inventory_needs_gpus(need))
        return fail(diag, RC_NOT_FOUND,
                    "the replica needs GPUs and no GPU is known: describe them under "
                    "inventory.gpus, or take gpus out of the target");
    *ret = (struct gpu_grant){.count = 0};
    return RC_OK;
}

size_t inventory_claim(struct inventory *inventory, struct span ids, double ratio,
                       struct gpu_grant *ret)
{
    struct gpu_grant all = {.ratio = ratio};
    struct span rest = ids;
    struct span id;
    size_t unknown = 0;
    /* One by one: a device that is not described any more must not free the others. */
    while (inventory->gpus && span_split(&rest, ',', &id)) {
        struct gpu_grant one;
        if (all.count < GPUS_PER_REPLICA_MAX &&
            gpu_claim(inventory->gpus, id, ratio, &one) == RC_OK)
            all.device[all.count++] = one.device[0];
        else
            unknown++;
    }
    *ret = all;
    return unknown;
}

void inventory_give_back(struct inventory *inventory, const struct gpu_grant *grant)
{
    if (inventory->gpus)
        gpu_give_back(inventory->gpus, grant);
}

int64_t inventory_capacity(const struct inventory *inventory, const struct gpu_need *need)
{
    if (inventory->gpus)
        return num_clamp(gpu_capacity(inventory->gpus, need), 0, INT64_MAX);
    return inventory_needs_gpus(need) ? 0 : INT64_MAX;
}

int64_t inventory_room(const struct inventory *inventory, const struct pool_config *pool)
{
    /* Classes of one type of GPU share what there is of it: the smallest fits most. A class of no
     * type takes any. */
    char type[CLASSES_PER_POOL_MAX][NAME_SIZE];
    int64_t best[CLASSES_PER_POOL_MAX] = {0};
    int64_t any = 0;
    int64_t sum = 0;
    size_t types = 0;
    for (size_t i = 0; i == 0 || i < pool->core.class_count; i++) {
        struct gpu_need need;
        inventory_need(inventory, pool, (uint16_t)i, &need);
        const int64_t room = inventory_capacity(inventory, &need);
        size_t at = 0;
        while (at < types && strcasecmp(type[at], need.type) != 0)
            at++;
        if (at == types)
            memcpy(type[types++], need.type, sizeof type[0]);
        best[at] = room > best[at] ? room : best[at];
        if (need.type[0] == '\0' && room > any)
            any = room;
    }
    for (size_t i = 0; i < types; i++)
        sum = type[i][0] == '\0' ? sum : num_add_sat(sum, best[i]);
    return any > sum ? any : sum;
}

double inventory_free(const struct inventory *inventory)
{
    double left = 0;
    if (!inventory->gpus)
        return INFINITY;
    for (size_t i = 0; i < inventory->gpus->device_count; i++)
        if (!gpu_is_parent(inventory->gpus, i))
            left += fmax(0, 1 - inventory->gpus->used_ratio[i]);
    return left;
}
