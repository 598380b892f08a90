/* gpu.h - which GPUs a replica gets, over an inventory that a person described or that was found.
 *
 * Pure: a function of the inventory and what is taken. A device is a whole GPU or one MIG instance
 * of it. Whole needs take devices for themselves; a need with memory (or a fraction of a device)
 * shares one device with others as long as their memory adds up. Deterministic: ties go to the
 * device that was described first. */
#ifndef SLUICE_TARGET_GPU_H
#define SLUICE_TARGET_GPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/rc.h"

#define GPU_DEVICES_MAX 256
#define GPUS_PER_REPLICA_MAX 16

enum gpu_placement {
    GPU_PACKING,   /* fullest device and smallest island that fit: leaves large gaps for large
                      replicas */
    GPU_SPREADING, /* emptiest device, emptiest island: heat and failures are shared out */
};

struct gpu_device {
    char id[NAME_SIZE];     /* what the engine is given: index, "GPU-..." or "MIG-..." UUID */
    char type[NAME_SIZE];   /* "h100"; compared without case */
    char parent[NAME_SIZE]; /* MIG instance: id of its GPU, which is then never given out itself */
    char island[NAME_SIZE]; /* devices that talk fast to each other; a replica stays inside one
                               where it can */
    double memory_bytes;    /* 0 = unknown: cannot be shared by memory */
};

struct gpu_need {
    double count; /* whole devices (1, 2, ...) or a fraction below 1 of one device; 0 = none */
    double
        memory_bytes; /* > 0: this much of one device instead of a fraction; only with count <= 1 */
    char type[NAME_SIZE]; /* "" = any */
    enum gpu_placement placement;
};

struct gpu_inventory {
    size_t device_count;
    struct gpu_device device[GPU_DEVICES_MAX];
    double used_ratio[GPU_DEVICES_MAX]; /* of a device's memory, 1 = whole */
    bool exclusive[GPU_DEVICES_MAX];    /* held by a whole need */
};

/* What one replica holds. */
struct gpu_grant {
    size_t count;
    uint16_t device[GPUS_PER_REPLICA_MAX]; /* indices into the inventory, ascending */
    double ratio;                          /* share of the device; 1 = whole */
};

/* RC_DUPLICATE: two devices with one id; RC_INVALID: a MIG instance whose parent is missing;
 * RC_RANGE, RC_MISSING. */
enum rc gpu_inventory_check(const struct gpu_inventory *inventory, struct diag *diag) MUST_CHECK;
/* RC_INVALID, RC_RANGE for a need that no inventory can serve (count 1.5, more than
 * GPUS_PER_REPLICA_MAX). */
enum rc gpu_need_check(const struct gpu_need *need, struct diag *diag) MUST_CHECK;
/* RC_OK: the grant is taken. RC_LIMIT: it does not fit now (nothing changed). RC_NOT_FOUND: it
 * could never fit. */
enum rc gpu_take(struct gpu_inventory *inventory, const struct gpu_need *need,
                 struct gpu_grant *ret, struct diag *diag) MUST_CHECK;
/* Marks devices as taken that an adopted replica already uses (comma-separated ids). RC_NOT_FOUND
 * for an unknown id. */
enum rc gpu_claim(struct gpu_inventory *inventory, struct span ids, double ratio,
                  struct gpu_grant *ret) MUST_CHECK;
void gpu_give_back(struct gpu_inventory *inventory, const struct gpu_grant *grant);
/* How many more replicas of this need would fit now; INT64_MAX for a need of nothing. */
int64_t gpu_room(const struct gpu_inventory *inventory, const struct gpu_need *need);
/* A GPU that was cut into MIG instances is never given out itself. */
bool gpu_is_parent(const struct gpu_inventory *inventory, size_t device);
/* How many fit when nothing is taken: what a pool could have if all others made room. INT64_MAX for
 * a need of nothing; -1: no memory. */
int64_t gpu_capacity(const struct gpu_inventory *inventory, const struct gpu_need *need);
/* Comma-separated ids, as for CUDA_VISIBLE_DEVICES. */
void gpu_ids(const struct gpu_inventory *inventory, const struct gpu_grant *grant, struct buf *out);

#endif
