/* Profile files that hold kernel times: what a whole step takes is added up from its layers, and
 * the coefficients are fitted to that. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/num.h"
#include "model/profile_internal.h"

#define US 1e-6
#define LAYERS_MAX 32
#define NORMS_PER_LAYER 2

/* One kernel over the number of tokens or sequences. */
struct kernel {
    double *size; /* owned; rises */
    double *time; /* owned */
    size_t count;
    double times; /* in one step */
    bool per_sequence;
};

struct kernels {
    struct kernel item[LAYERS_MAX];
    size_t count;
    double layers;
};

static void kernels_done(struct kernels *kernels)
{
    for (size_t i = 0; i < kernels->count; i++) {
        free(kernels->item[i].size);
        free(kernels->item[i].time);
    }
}

/* Linear between the points, and on from the last two; a single point holds everywhere. */
static double time_at(const struct kernel *k, double size)
{
    size_t i = 1;
    if (k->count == 1)
        return k->time[0];
    while (i + 1 < k->count && k->size[i] < size)
        i++;
    const double share = (size - k->size[i - 1]) / (k->size[i] - k->size[i - 1]);
    return fmax(k->time[i - 1] + share * (k->time[i] - k->time[i - 1]), 0);
}

static enum rc read_kernel(const struct tree *layer, const char *axis, struct kernel *ret,
                           struct diag *diag)
{
    const struct tree *size = tree_get(layer, axis);
    const struct tree *time = tree_get(layer, "time_us");
    if (size == NULL || time == NULL || size->count != time->count || size->count == 0)
        return fail(diag, RC_INVALID,
                    "line %" PRIu32 ": kernel \"%.*s\" wants \"%s\" and "
                    "\"time_us\", as many of one as of the other",
                    layer->line, SPAN_ARG(layer->key), axis);
    ret->size = mem_new(size->count, sizeof *ret->size);
    ret->time = mem_new(size->count, sizeof *ret->time);
    if (ret->size == NULL || ret->time == NULL)
        return fail(diag, RC_NO_MEMORY, "out of memory");
    size = size->first;
    time = time->first;
    for (; size != NULL && time != NULL; size = size->next, time = time->next) {
        const size_t i = ret->count++;
        if (!tree_number(size, &ret->size[i]) || !tree_number(time, &ret->time[i]) ||
            ret->time[i] < 0 || (i > 0 && ret->size[i] <= ret->size[i - 1]))
            return fail(diag, RC_INVALID,
                        "line %" PRIu32 ": kernel \"%.*s\" wants rising sizes and times from 0 on",
                        size->line, SPAN_ARG(layer->key));
    }
    return RC_OK;
}

static double times_of(struct span name, double layers)
{
    if (span_equal_text(name, "embedding") || span_equal_text(name, "final_layernorm"))
        return 1;
    return span_equal_text(name, "layernorm") ? NORMS_PER_LAYER * layers : layers;
}

static enum rc read_group(const struct tree *group, bool per_sequence, struct kernels *ret,
                          struct diag *diag)
{
    enum rc rc = RC_OK;
    for (const struct tree *layer = group != NULL ? group->first : NULL;
         layer != NULL && rc == RC_OK; layer = layer->next) {
        if (ret->count == LAYERS_MAX)
            return fail(diag, RC_LIMIT, "more than %d kernels", LAYERS_MAX);
        struct kernel *k = &ret->item[ret->count++];
        *k = (struct kernel){.per_sequence = per_sequence,
                             .times = per_sequence ? 1 : times_of(layer->key, ret->layers)};
        rc = read_kernel(layer, per_sequence ? "sequences" : "tokens", k, diag);
    }
    return rc;
}

/* A row of the attention table: prompt chunk, KV tokens of earlier chunks, decoding sequences, KV
 * tokens of each, time. Chunks behind others are left out: the line has no term for them. */
static enum rc add_row(const struct kernels *kernels, const struct tree *row, double kv_max,
                       struct profile_fit *fit, struct diag *diag)
{
    enum { CHUNK, KV_PREFILL, DECODES, KV_EACH, TIME, COUNT };
    double n[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        if (!tree_number(tree_at(row, i), &n[i]) || n[i] < 0)
            return fail(diag, RC_INVALID,
                        "line %" PRIu32 ": a row of \"attention\" wants five numbers from 0 on",
                        row->line);
    if (n[KV_PREFILL] > 0 || (kv_max > 0 && n[DECODES] * n[KV_EACH] > kv_max))
        return RC_OK;
    const double tokens = n[CHUNK] + n[DECODES];
    const double sequences = n[DECODES] + (n[CHUNK] > 0 ? 1 : 0);
    double us = kernels->layers * n[TIME];
    for (size_t i = 0; i < kernels->count; i++) {
        const struct kernel *k = &kernels->item[i];
        us += k->times * time_at(k, k->per_sequence ? sequences : tokens);
    }
    const struct fit_point point = {.iterations = 1,
                                    .sequences = n[DECODES],
                                    .context = n[DECODES] * n[KV_EACH],
                                    .prompt = n[CHUNK],
                                    .seconds = US * us};
    profile_fit_add(fit, &point);
    return RC_OK;
}

enum rc profile_read_kernels(struct profile_source *source, struct engine_profile *ret,
                             struct diag *diag)
{
    struct kernels kernels = {.count = 0};
    const struct tree *attention = tree_get(source->root, "attention");
    enum rc rc = RC_OK;
    if (!tree_number(tree_get(source->root, "num_hidden_layers"), &kernels.layers) ||
        !(kernels.layers >= 1) || attention == NULL || attention->kind != TREE_ARRAY)
        return fail(diag, RC_MISSING, "\"num_hidden_layers\" and \"attention\" are wanted");
    rc = read_group(tree_get(source->root, "dense"), false, &kernels, diag);
    if (rc == RC_OK)
        rc = read_group(tree_get(source->root, "per_sequence"), true, &kernels, diag);
    for (const struct tree *row = attention->first; row != NULL && rc == RC_OK; row = row->next)
        rc = add_row(&kernels, row, (double)ret->kv_tokens, source->fit, diag);
    (void)tree_int(tree_get(source->root, "tp"), &ret->gpus); /* what is not said is 1 */
    kernels_done(&kernels);
    return rc;
}
