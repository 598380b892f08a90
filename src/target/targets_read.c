/* targets_read.c - what is known of replicas and GPUs, for store and API. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "target/target_internal.h"

bool targets_document(const struct targets *t, uint64_t replica, struct buf *ret)
{
    const struct replica *r = targets_find(t, replica);
    struct json_writer w;
    char hash[17];
    if (!r || r->ended || !r->ops->document)
        return false;
    (void)snprintf(hash, sizeof hash, "%016" PRIx64, r->hash);
    json_init(&w, ret);
    json_object(&w);
    json_key(&w, "replica");
    json_uint(&w, r->id);
    json_member_text(&w, "pool", r->pool);
    json_member_int(&w, "class", r->class_);
    json_member_text(&w, "hash", hash);
    json_member_int(&w, "port", r->port);
    r->ops->document(r, &w);
    const char *log = outputs_path(&t->outputs, r->id);
    json_member_text(&w, "log", log ? log : "");
    json_object_end(&w);
    return !ret->failed;
}

bool targets_usage(const struct targets *t, uint64_t replica, struct target_usage *ret)
{
    const struct replica *r = targets_find(t, replica);
    if (!r || r->ended || !r->ops->usage)
        return false;
    return r->ops->usage(r, config_pool(t->spec, span_from(r->pool)), ret);
}

const char *targets_gpus(const struct targets *t, uint64_t replica)
{
    const struct replica *r = targets_find(t, replica);
    return r && r->ops->gpus ? r->ops->gpus(r) : "";
}

bool targets_log_path(const struct targets *t, uint64_t replica, struct buf *ret)
{
    const char *path = outputs_path(&t->outputs, replica);
    if (path)
        buf_text(ret, path);
    return path && !ret->failed;
}

bool targets_output_at(const struct targets *t, size_t index, struct target_output *ret)
{
    if (index >= t->outputs.count)
        return false;
    const struct output *output = &t->outputs.item[index];
    *ret = (struct target_output){.replica = output->replica,
                                  .pool = output->pool,
                                  .path = output->path,
                                  .running = output->live};
    return true;
}

/* What is measured of a GPU of the inventory. */
struct meter {
    targets_gpu_fn *measure;
    const void *user;
};

static bool measure(const struct targets *t, const struct meter *meter, size_t device,
                    struct target_gpu *ret)
{
    return meter->measure != NULL &&
           meter->measure(meter->user, t->inventory.gpus->device[device].id, ret);
}

static void print_measured(const struct targets *t, const struct meter *meter, size_t device,
                           struct json_writer *w)
{
    struct target_gpu gpu;
    if (!measure(t, meter, device, &gpu))
        return;
    json_key(w, "measured");
    json_object(w);
    if (!isnan(gpu.use_ratio))
        json_member_number(w, "use", gpu.use_ratio);
    if (!isnan(gpu.memory_used_bytes))
        json_member_number(w, "memoryUsedBytes", gpu.memory_used_bytes);
    if (!isnan(gpu.memory_bytes))
        json_member_number(w, "memoryBytes", gpu.memory_bytes);
    json_object_end(w);
}

static bool holds(const struct replica *r, size_t device)
{
    return r->ops->holds && r->ops->holds(r, device);
}

/* Memory of a replica is known while it has its GPUs for itself: exporters count by device. */
static double memory_of(const struct targets *t, const struct meter *meter,
                        const struct replica *replica)
{
    double sum = 0;
    bool any = false;
    for (size_t i = 0; t->inventory.gpus && i < t->inventory.gpus->device_count; i++) {
        struct target_gpu gpu;
        size_t sharers = 0;
        if (!holds(replica, i))
            continue;
        for (size_t k = 0; k < t->replica_count; k++)
            sharers += holds(t->replica[k], i) ? 1 : 0;
        any = true;
        sum += sharers == 1 && measure(t, meter, i, &gpu) ? gpu.memory_used_bytes : (double)NAN;
    }
    return any ? sum : (double)NAN;
}

static void print_gpu(const struct targets *t, const struct meter *meter, size_t device,
                      struct json_writer *w)
{
    const struct gpu_inventory *gpus = t->inventory.gpus;
    const struct gpu_device *d = &gpus->device[device];
    json_object(w);
    json_member_text(w, "id", d->id);
    json_member_text(w, "type", d->type);
    if (d->parent[0] != '\0')
        json_member_text(w, "parent", d->parent);
    if (d->island[0] != '\0')
        json_member_text(w, "island", d->island);
    if (d->memory_bytes > 0)
        json_member_number(w, "memoryBytes", d->memory_bytes);
    json_member_number(w, "used", gpus->used_ratio[device]);
    json_key(w, "replicas");
    json_array(w);
    for (size_t i = 0; i < t->replica_count; i++)
        if (holds(t->replica[i], device))
            json_uint(w, t->replica[i]->id);
    json_array_end(w);
    print_measured(t, meter, device, w);
    json_object_end(w);
}

static void print_replica(const struct targets *t, const struct meter *meter,
                          const struct replica *r, struct json_writer *w)
{
    const double memory_bytes = memory_of(t, meter, r);
    const char *log = outputs_path(&t->outputs, r->id);
    json_object(w);
    json_key(w, "replica");
    json_uint(w, r->id);
    json_member_text(w, "pool", r->pool);
    json_member_text(w, "kind", r->ops->name);
    json_member_text(w, "host", r->host);
    json_member_int(w, "port", r->port);
    json_member_bool(w, "serves", r->serves);
    if (!isnan(memory_bytes))
        json_member_number(w, "gpuMemoryUsedBytes", memory_bytes);
    if (r->ops->document)
        r->ops->document(r, w);
    json_member_text(w, "log", log ? log : "");
    json_object_end(w);
}

void targets_print(const struct targets *t, targets_gpu_fn *fn, const void *user,
                   struct json_writer *w)
{
    const struct meter meter = {.measure = fn, .user = user};
    json_key(w, "gpus");
    json_array(w);
    for (size_t i = 0; t->inventory.gpus && i < t->inventory.gpus->device_count; i++)
        print_gpu(t, &meter, i, w);
    json_array_end(w);
    json_key(w, "replicas");
    json_array(w);
    for (size_t i = 0; i < t->replica_count; i++)
        if (!t->replica[i]->ended)
            print_replica(t, &meter, t->replica[i], w);
    json_array_end(w);
}
