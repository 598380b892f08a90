/* gpu.c - placement of replicas on devices: whole devices inside one island, shares by memory on
 * one device. */
#include "target/gpu.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Shares are ratios of doubles: ten tenths must fit. */
#define SHARE_SLACK 1e-9

bool gpu_is_parent(const struct gpu_inventory *inv, size_t device)
{
    for (size_t i = 0; i < inv->device_count; i++) {
        if (inv->device[i].parent[0] != '\0' &&
            strcmp(inv->device[i].parent, inv->device[device].id) == 0)
            return true;
    }
    return false;
}

static bool is_candidate(const struct gpu_inventory *inv, size_t device,
                         const struct gpu_need *need)
{
    const struct gpu_device *d = &inv->device[device];

    if (need->type[0] != '\0' && !span_equal_nocase(span_from(need->type), span_from(d->type)))
        return false;
    return !gpu_is_parent(inv, device);
}

static bool is_shared(const struct gpu_need *need)
{
    return need->memory_bytes > 0 || need->count < 1;
}

enum rc gpu_inventory_check(const struct gpu_inventory *inv, struct diag *diag)
{
    for (size_t i = 0; i < inv->device_count; i++) {
        const struct gpu_device *d = &inv->device[i];
        bool parent_found = d->parent[0] == '\0';

        if (d->id[0] == '\0')
            return fail(diag, RC_MISSING, "device %zu has no id", i);
        if (isnan(d->memory_bytes) || d->memory_bytes < 0)
            return fail(diag, RC_RANGE, "memory of GPU \"%s\" is negative", d->id);
        for (size_t j = 0; j < inv->device_count; j++) {
            if (j < i && strcmp(inv->device[j].id, d->id) == 0)
                return fail(diag, RC_DUPLICATE, "GPU \"%s\" is described twice", d->id);
            parent_found |= j != i && strcmp(inv->device[j].id, d->parent) == 0;
        }
        if (!parent_found)
            return fail(diag, RC_INVALID,
                        "MIG instance \"%s\" names the GPU \"%s\", which is not described", d->id,
                        d->parent);
    }
    return RC_OK;
}

enum rc gpu_need_check(const struct gpu_need *need, struct diag *diag)
{
    if (isnan(need->count) || need->count < 0 || need->count > GPUS_PER_REPLICA_MAX)
        return fail(diag, RC_RANGE, "a replica may use 0 to %d GPUs", GPUS_PER_REPLICA_MAX);
    if (need->count > 1 && need->count > floor(need->count))
        return fail(diag, RC_INVALID,
                    "GPUs of a replica are a whole number, or a fraction below 1 of one GPU");
    if (need->memory_bytes > 0 && need->count > 1)
        return fail(diag, RC_INVALID, "GPU memory can be shared on one GPU only, not on several");
    return RC_OK;
}

/* Share of the device that a shared need takes; > 1 when it cannot fit or the device's memory is
 * unknown. */
static double share_on(const struct gpu_device *device, const struct gpu_need *need)
{
    if (need->memory_bytes <= 0)
        return need->count;
    return device->memory_bytes > 0 ? need->memory_bytes / device->memory_bytes : 2;
}

/* By more than what many sums of shares drift: of equals the one described first is taken. */
static bool fuller(const struct gpu_inventory *inv, size_t a, size_t b)
{
    return inv->used_ratio[a] > inv->used_ratio[b] + SHARE_SLACK;
}

static enum rc take_share(struct gpu_inventory *inv, const struct gpu_need *need,
                          struct gpu_grant *ret, struct diag *diag)
{
    size_t best = SIZE_MAX;
    bool possible = false;

    for (size_t i = 0; i < inv->device_count; i++) {
        const double share = share_on(&inv->device[i], need);

        if (!is_candidate(inv, i, need) || share > 1 + SHARE_SLACK)
            continue;
        possible = true;
        if (inv->exclusive[i] || inv->used_ratio[i] + share > 1 + SHARE_SLACK)
            continue;
        if (best == SIZE_MAX ||
            (need->placement == GPU_PACKING ? fuller(inv, i, best) : fuller(inv, best, i)))
            best = i;
    }
    if (best == SIZE_MAX)
        return fail(diag, possible ? RC_LIMIT : RC_NOT_FOUND,
                    "no GPU%s%s has room for this replica%s",
                    need->type[0] != '\0' ? " of type " : "", need->type,
                    possible ? " now" : "; none is large enough");
    *ret = (struct gpu_grant){
        .count = 1, .device = {(uint16_t)best}, .ratio = share_on(&inv->device[best], need)};
    inv->used_ratio[best] += ret->ratio;
    return RC_OK;
}

static bool is_free(const struct gpu_inventory *inv, size_t device, const struct gpu_need *need)
{
    return is_candidate(inv, device, need) && !inv->exclusive[device] &&
           inv->used_ratio[device] < SHARE_SLACK;
}

static size_t free_in_island(const struct gpu_inventory *inv, const char *island,
                             const struct gpu_need *need)
{
    size_t count = 0;

    for (size_t i = 0; i < inv->device_count; i++)
        count += strcmp(inv->device[i].island, island) == 0 && is_free(inv, i, need);
    return count;
}

/* The island to stay in: the one with the fewest (packing) or most (spreading) free devices that
 * still fits; NULL when no single island fits, then devices are taken in their order over all
 * islands. */
static const char *choose_island(const struct gpu_inventory *inv, const struct gpu_need *need,
                                 size_t count)
{
    const char *best = NULL;
    size_t best_free = 0;

    for (size_t i = 0; i < inv->device_count; i++) {
        const char *island = inv->device[i].island;
        /* Of equal islands the one whose free device was described first. */
        const size_t n = is_free(inv, i, need) ? free_in_island(inv, island, need) : 0;

        if (n < count)
            continue;
        if (best == NULL || (need->placement == GPU_PACKING ? n < best_free : n > best_free)) {
            best = island;
            best_free = n;
        }
    }
    return best;
}

static enum rc take_whole(struct gpu_inventory *inv, const struct gpu_need *need,
                          struct gpu_grant *ret, struct diag *diag)
{
    const size_t count = (size_t)need->count;
    const char *island = choose_island(inv, need, count);
    struct gpu_grant grant = {.ratio = 1};
    size_t possible = 0;

    for (size_t i = 0; i < inv->device_count; i++) {
        possible += is_candidate(inv, i, need);
        if (grant.count < count && is_free(inv, i, need) &&
            (island == NULL || strcmp(island, inv->device[i].island) == 0))
            grant.device[grant.count++] = (uint16_t)i;
    }
    if (grant.count < count)
        return fail(diag, possible < count ? RC_NOT_FOUND : RC_LIMIT,
                    "a replica needs %zu GPUs%s%s, %zu are free of %zu described", count,
                    need->type[0] != '\0' ? " of type " : "", need->type, grant.count, possible);
    for (size_t i = 0; i < count; i++) {
        inv->exclusive[grant.device[i]] = true;
        inv->used_ratio[grant.device[i]] = 1;
    }
    *ret = grant;
    return RC_OK;
}

enum rc gpu_take(struct gpu_inventory *inv, const struct gpu_need *need, struct gpu_grant *ret,
                 struct diag *diag)
{
    const enum rc rc = gpu_need_check(need, diag);

    if (rc != RC_OK)
        return rc;
    if (need->count <= 0 && need->memory_bytes <= 0) {
        *ret = (struct gpu_grant){.count = 0};
        return RC_OK;
    }
    return is_shared(need) ? take_share(inv, need, ret, diag) : take_whole(inv, need, ret, diag);
}

enum rc gpu_claim(struct gpu_inventory *inv, struct span ids, double ratio, struct gpu_grant *ret)
{
    struct gpu_grant grant = {.ratio = ratio};
    struct span rest = ids;
    struct span id;

    while (span_split(&rest, ',', &id)) {
        size_t i = 0;

        while (i < inv->device_count && !span_equal_text(id, inv->device[i].id))
            i++;
        if (i == inv->device_count)
            return RC_NOT_FOUND;
        if (grant.count == GPUS_PER_REPLICA_MAX)
            return RC_LIMIT;
        grant.device[grant.count++] = (uint16_t)i;
    }
    for (size_t i = 0; i < grant.count; i++) {
        inv->used_ratio[grant.device[i]] += ratio;
        inv->exclusive[grant.device[i]] |= ratio >= 1;
    }
    *ret = grant;
    return RC_OK;
}

void gpu_give_back(struct gpu_inventory *inv, const struct gpu_grant *grant)
{
    for (size_t i = 0; i < grant->count; i++) {
        const size_t device = grant->device[i];

        inv->used_ratio[device] = fmax(0, inv->used_ratio[device] - grant->ratio);
        if (inv->used_ratio[device] < SHARE_SLACK)
            inv->used_ratio[device] = 0;
        if (grant->ratio >= 1 && inv->used_ratio[device] <= 0) /* nobody else claims it, too */
            inv->exclusive[device] = false;
    }
}

/* Replicas of a shared need that still fit on one device. */
static int64_t shares_left(const struct gpu_inventory *inv, size_t device,
                           const struct gpu_need *need)
{
    const double share = share_on(&inv->device[device], need);

    if (!is_candidate(inv, device, need) || inv->exclusive[device] || share <= 0 ||
        share > 1 + SHARE_SLACK)
        return 0;
    return (int64_t)floor((1 + SHARE_SLACK - inv->used_ratio[device]) / share);
}

int64_t gpu_room(const struct gpu_inventory *inv, const struct gpu_need *need)
{
    int64_t room = 0;

    if (need->count <= 0 && need->memory_bytes <= 0)
        return INT64_MAX;
    for (size_t i = 0; i < inv->device_count; i++)
        room += is_shared(need) ? shares_left(inv, i, need) : is_free(inv, i, need);
    return is_shared(need) ? room : room / (int64_t)need->count;
}

int64_t gpu_capacity(const struct gpu_inventory *inv, const struct gpu_need *need)
{
    struct gpu_inventory *empty = mem_new(1, sizeof(*empty));

    if (empty == NULL)
        return -1;
    empty->device_count = inv->device_count;
    memcpy(empty->device, inv->device, sizeof(empty->device));
    const int64_t room = gpu_room(empty, need);
    free(empty);
    return room;
}

void gpu_ids(const struct gpu_inventory *inv, const struct gpu_grant *grant, struct buf *out)
{
    for (size_t i = 0; i < grant->count; i++) {
        if (i > 0)
            buf_byte(out, ',');
        buf_text(out, inv->device[grant->device[i]].id);
    }
}
