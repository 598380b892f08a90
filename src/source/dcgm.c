/* dcgm.c - the page of NVIDIA's dcgm-exporter: use of GPUs and of their memory, joined to replicas
 * by the UUIDs or indices of the GPUs they hold. Field values that stand for "not supported" are
 * refused (FAULTS 11). */
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prom_text.h"
#include "io/http_fetch.h"
#include "source/fetch.h"
#include "source/sources_internal.h"

#define DCGM_GPUS_MAX 1024U
#define MEMORY_MIB_MAX 1e8 /* 100 TB: what is above is a blank value of the driver */
#define EXCERPT_SIZE 81
#define MIB 1048576.0

enum gpu_number {
    GPU_ACTIVE_RATIO,
    GPU_USE_PERCENT,
    GPU_MEMORY_USED,
    GPU_MEMORY_FREE,
    GPU_NUMBERS
};
static const struct {
    const char *name;
    double max;
} fields[GPU_NUMBERS] = {
    [GPU_ACTIVE_RATIO] = {"DCGM_FI_PROF_GR_ENGINE_ACTIVE", 1},
    [GPU_USE_PERCENT] = {"DCGM_FI_DEV_GPU_UTIL", 100},
    [GPU_MEMORY_USED] = {"DCGM_FI_DEV_FB_USED", MEMORY_MIB_MAX},
    [GPU_MEMORY_FREE] = {"DCGM_FI_DEV_FB_FREE", MEMORY_MIB_MAX},
};

struct gpu {
    char uuid[NAME_SIZE];
    char index[NAME_SIZE];
    bool has[GPU_NUMBERS];
    double number[GPU_NUMBERS]; /* NaN = on the page, and cannot be */
};
struct dcgm {
    struct source base;
    struct http_fetch *fetch;
    struct gpu *gpu;
    size_t count;
    size_t cap;
    bool full;
    bool whole; /* the last answer was read to its end: `gpu` is of it */
};
static const enum signal_id signals[] = {SIGNAL_GPU_UTILIZATION, SIGNAL_GPU_MEMORY_UTILIZATION};

static struct dcgm *dcgm_of(struct source *s)
{
    return (struct dcgm *)s; /* base is the first member */
}

/* ---- the page ---- */

static void copy_label(const struct prom_sample *sample, const char *name, char ret[NAME_SIZE])
{
    ret[0] = '\0';
    for (size_t i = 0; i < sample->label_count; i++)
        if (prom_string_is(sample->label[i].name, name))
            (void)prom_string_copy(sample->label[i].value, ret, NAME_SIZE);
}

static struct gpu *gpu_of(struct dcgm *d, const struct prom_sample *sample)
{
    char uuid[NAME_SIZE];
    void *array = d->gpu;
    copy_label(sample, "UUID", uuid);
    for (size_t i = 0; i < d->count; i++)
        if (strcmp(d->gpu[i].uuid, uuid) == 0)
            return &d->gpu[i];
    if (mem_grow(&array, &d->cap, d->count + 1, sizeof(*d->gpu), DCGM_GPUS_MAX) != RC_OK) {
        d->full = true;
        return NULL;
    }
    d->gpu = array;
    struct gpu *gpu = &d->gpu[d->count++];
    *gpu = (struct gpu){.uuid = ""};
    memcpy(gpu->uuid, uuid, sizeof(uuid));
    copy_label(sample, "gpu", gpu->index);
    return gpu;
}

static void take_sample(void *context, const struct prom_sample *sample)
{
    struct dcgm *d = context;
    for (size_t i = 0; i < GPU_NUMBERS; i++) {
        if (!prom_string_is(sample->name, fields[i].name))
            continue;
        struct gpu *gpu = gpu_of(d, sample);
        if (!gpu)
            return;
        const bool possible = sample->value >= 0 && sample->value <= fields[i].max;
        gpu->has[i] = true;
        gpu->number[i] = possible ? sample->value : (double)NAN;
    }
}

static enum rc read_page(struct dcgm *d, const struct http_result *answer, struct diag *diag)
{
    struct prom_reader reader = {.format = prom_format_of(answer->content_type),
                                 .whole = answer->whole,
                                 .on_sample = take_sample,
                                 .context = d};
    struct prom_counts counts;
    reader.seen.slot_count = prom_seen_slots(answer->body, reader.format);
    reader.seen.slot = mem_new(reader.seen.slot_count, sizeof(uint64_t));
    if (!reader.seen.slot)
        return fail(diag, RC_NO_MEMORY, "no memory to read the page");
    d->count = 0;
    d->full = false;
    const enum rc rc = prom_parse(answer->body, &reader, &counts, diag);
    free(reader.seen.slot);
    d->base.status.repeated += (int64_t)counts.repeated;
    if (rc == RC_OK && d->full)
        return fail(diag, RC_LIMIT, "the page has more than %u GPUs", DCGM_GPUS_MAX);
    d->whole = rc == RC_OK;
    return rc;
}

/* ---- replicas ---- */

static double use_of(const struct gpu *gpu)
{
    if (gpu->has[GPU_ACTIVE_RATIO])
        return gpu->number[GPU_ACTIVE_RATIO];
    return gpu->has[GPU_USE_PERCENT] ? gpu->number[GPU_USE_PERCENT] / 100 : (double)NAN;
}

static double memory_of(const struct gpu *gpu)
{
    if (!gpu->has[GPU_MEMORY_USED] || !gpu->has[GPU_MEMORY_FREE])
        return NAN;
    const double all = gpu->number[GPU_MEMORY_USED] + gpu->number[GPU_MEMORY_FREE];
    return all > 0 ? gpu->number[GPU_MEMORY_USED] / all : (double)NAN;
}

static const struct gpu *find_gpu(const struct dcgm *d, struct span id)
{
    for (size_t i = 0; i < d->count; i++) {
        const struct gpu *gpu = &d->gpu[i];
        assert(gpu != NULL); /* gcc doubts it under the sanitizers, and warns */
        if (span_equal_text(id, gpu->uuid) || span_equal_text(id, gpu->index))
            return gpu;
    }
    return NULL;
}

/* The mean of the GPUs that a replica holds; NaN: one of them is not known. */
static double mean_of(const struct dcgm *d, struct span ids, double (*of)(const struct gpu *))
{
    double sum = 0;
    double count = 0;
    struct span id;
    while (span_split(&ids, ',', &id)) {
        const struct gpu *gpu = find_gpu(d, span_trim(id));
        sum += gpu ? of(gpu) : (double)NAN;
        count++;
    }
    return count > 0 ? sum / count : (double)NAN;
}

static void tell(struct dcgm *d, uint64_t replica, size_t at, double value)
{
    struct source *s = &d->base;
    const bool known = !isnan(value);
    source_value(s,
                 &(struct source_value){.signal = {.id = signals[at]},
                                        .replica = replica,
                                        .state = known ? SIGNAL_VALUE : SIGNAL_FAILED,
                                        .fault = known ? SOURCE_FAULT_NONE : SOURCE_FAULT_UNCOVERED,
                                        .value = known ? value : 0});
    if (!known)
        source_say(s, "the page does not tell what the GPUs of replica %" PRIu64 " (%.60s) do",
                   replica, source_gpus(s, replica));
}

static void tell_replicas(struct dcgm *d)
{
    struct source_replica row;
    int64_t expected = 0;
    for (size_t at = 0; at < COUNT_OF(signals); at++) {
        expected = 0;
        for (size_t i = 0; source_replica(&d->base, i, &row); i++) {
            if (!row.ready)
                continue;
            expected++;
            const struct span ids = span_from(source_gpus(&d->base, row.id));
            tell(d, row.id, at, mean_of(d, ids, at == 0 ? use_of : memory_of));
        }
        if (expected == 0)
            source_value(&d->base, &(struct source_value){.signal = {.id = signals[at]},
                                                          .state = SIGNAL_ABSENT});
    }
    source_expect(&d->base, expected);
    source_end(&d->base);
}

/* ---- rounds ---- */

static void on_page(void *user, const struct http_result *answer)
{
    struct dcgm *d = user;
    struct source *s = &d->base;
    struct diag diag = {.code = RC_OK};
    char quote[EXCERPT_SIZE];
    d->fetch = NULL;
    d->whole = false;
    if (answer->rc != RC_OK) {
        source_fail(s, fetch_fault(answer->rc), -1, "%s", answer->diag->text);
        return;
    }
    if (answer->status != 200) {
        source_fail(s, SOURCE_FAULT_STATUS, answer->retry_after_ns, "it answers %d",
                    answer->status);
        return;
    }
    const enum rc rc = read_page(d, answer, &diag);
    if (rc == RC_OK) {
        tell_replicas(d);
        return;
    }
    prom_excerpt(answer->body, quote, sizeof(quote));
    source_fail(s, rc == RC_LIMIT ? SOURCE_FAULT_TOO_LARGE : SOURCE_FAULT_NOT_PARSED, -1,
                "line %" PRIu32 ": %.90s; it begins \"%s\"", diag.line, diag.text, quote);
}

static void dcgm_ask(struct source *s)
{
    struct dcgm *d = dcgm_of(s);
    const struct http_fetch_options options = {.url = span_from(s->spec->dcgm.url),
                                               .timeout_ns = source_deadline_ns(s->spec),
                                               .body_bytes_max = PROM_PAGE_BYTES_MAX};
    d->fetch = http_fetch(source_client(s), &options, on_page, d);
    if (!d->fetch)
        source_fail(s, SOURCE_FAULT_LOCAL, -1, "no memory to ask");
}

static void dcgm_cancel(struct source *s)
{
    http_fetch_cancel(dcgm_of(s)->fetch);
    dcgm_of(s)->fetch = NULL;
    dcgm_of(s)->whole = false;
}

static double bytes_of(const struct gpu *gpu, enum gpu_number number)
{
    return gpu->has[number] ? gpu->number[number] * MIB : (double)NAN;
}

static bool dcgm_gpu(const struct source *s, struct span id, struct source_gpu *ret)
{
    const struct dcgm *d = (const struct dcgm *)s; /* base is the first member */
    const struct gpu *gpu = d->whole ? find_gpu(d, id) : NULL;
    if (gpu == NULL)
        return false;
    *ret = (struct source_gpu){
        .use_ratio = use_of(gpu),
        .memory_used_bytes = bytes_of(gpu, GPU_MEMORY_USED),
        .memory_bytes = bytes_of(gpu, GPU_MEMORY_USED) + bytes_of(gpu, GPU_MEMORY_FREE),
    };
    return true;
}

static void dcgm_stop(struct source *s)
{
    free(dcgm_of(s)->gpu);
}

const struct source_ops source_dcgm = {
    .name = "dcgm",
    .kind = SOURCE_DCGM,
    .size = sizeof(struct dcgm),
    .signals = signals,
    .signal_count = COUNT_OF(signals),
    .ask = dcgm_ask,
    .cancel = dcgm_cancel,
    .gpu = dcgm_gpu,
    .stop = dcgm_stop,
};
