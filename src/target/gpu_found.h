/* gpu_found.h - the NVIDIA GPUs of this machine as its driver tells them, where nobody described an
 * inventory. Without the driver's folder there are none, and no program is run. */
#ifndef SLUICE_TARGET_GPU_FOUND_H
#define SLUICE_TARGET_GPU_FOUND_H

#include "base/span.h"
#include "target/gpu.h"

struct gpu_places {
    const char *driver;           /* folder with one folder a GPU */
    const char *const *list_argv; /* prints GPUs and MIG instances: nvidia-smi -L */
    const char *const *size_argv; /* prints "UUID, memory in MiB" lines */
};
extern const struct gpu_places gpu_places_usual;

/* Fills devices; returns how many. Blocks, a few seconds at most: for the start. The driver's own
 * files serve when its program does not answer. */
size_t gpu_find(const struct gpu_places *places, struct gpu_inventory *ret);

/* The parts of it. Pure. */
/* "GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-...)" and, below it, MIG instances. */
void gpu_read_list(struct span text, struct gpu_inventory *ret);
/* "GPU-..., 81559" */
void gpu_read_sizes(struct span text, struct gpu_inventory *inventory);
/* The file `information` of one GPU. False when it names no UUID. */
bool gpu_read_information(struct span text, struct gpu_device *ret);
/* "NVIDIA A100-SXM4-80GB" is an "A100", "NVIDIA GeForce RTX 4090" an "RTX 4090". */
void gpu_type_of(struct span model, char ret_type[NAME_SIZE]);

#endif
