/* suite_wva.c - the workload variant autoscaler of llm-d: queueing models, saturation analyzers,
 * what a vLLM command line says, the line of latency over KV use. */
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "core/capacity/itl_line.h"
#include "core/capacity/queueing.h"
#include "core/capacity/saturation.h"
#include "core/capacity/vllm_args.h"
#include "suite.h"

/* The peer computes in 32 bits; README.md of the vectors says how far 64 bits may be away. */
#define ANALYSIS 5e-5
#define SIZING 1e-4
#define RATES 5e-4

static double number(const struct tree *object, const char *key)
{
    double value = 0;
    return tree_number(tree_get(object, key), &value) ? value : 0;
}

static int64_t whole(const struct tree *object, const char *key)
{
    return (int64_t)number(object, key);
}

static bool flag(const struct tree *object, const char *key)
{
    bool value = false;
    return tree_bool(tree_get(object, key), &value) && value;
}

static struct span text(const struct tree *object, const char *key)
{
    struct span value = {0};
    (void)tree_string(tree_get(object, key), &value); /* empty when it is not there */
    return value;
}

static bool close_to(struct buf *why, const char *name, double found, const struct tree *out,
                     double relative)
{
    const double wanted = number(out, name);
    if (fabs(found - wanted) <= relative * fabs(wanted) + 1e-9)
        return true;
    buf_printf(why, "%s is ", name);
    buf_number(why, found);
    buf_text(why, ", wanted ");
    buf_number(why, wanted);
    return false;
}

static bool same_whole(struct buf *why, const char *name, int64_t found, int64_t wanted)
{
    if (found == wanted)
        return true;
    buf_printf(why, "%s is %lld, wanted %lld", name, (long long)found, (long long)wanted);
    return false;
}

/* ---- queues ---- */

static bool same_metrics(struct buf *why, const struct queueing_metrics *m, const struct tree *out,
                         double relative)
{
    const double wait = number(out, "wait_ms");
    if (fabs(m->wait_ms - wait) > 0.02 + relative * 0.4 * number(out, "resp_ms")) {
        buf_text(why, "wait_ms is ");
        buf_number(why, m->wait_ms);
        buf_text(why, ", wanted ");
        buf_number(why, wait);
        return false;
    }
    return close_to(why, "in_service", m->in_service, out, relative) &&
           close_to(why, "resp_ms", m->resp_ms, out, relative) &&
           close_to(why, "throughput_rps", m->throughput_rps, out, relative) &&
           close_to(why, "prefill_ms", m->prefill_ms, out, relative) &&
           close_to(why, "itl_ms", m->itl_ms, out, relative) &&
           close_to(why, "rho", m->rho, out, relative) &&
           close_to(why, "max_rate_rps", m->rate_max_rps, out, relative) &&
           (tree_get(out, "ttft_ms") == NULL ||
            fabs(m->ttft_ms - number(out, "ttft_ms")) <=
                0.02 + relative * number(out, "resp_ms") * 0.4 + relative * number(out, "ttft_ms"));
}

static bool analyses(const struct queueing_model *model, const struct tree *list, struct buf *why)
{
    for (const struct tree *at = list->first; at != NULL; at = at->next) {
        struct queueing_metrics m;
        const enum rc rc = queueing_analyze(model, number(at, "rate_rps"), &m);
        if ((rc != RC_OK) != flag(at, "error")) {
            buf_printf(why, "analyze: %s", rc != RC_OK ? "refused" : "not refused");
            return false;
        }
        if (rc == RC_OK && !same_metrics(why, &m, tree_get(at, "out"), ANALYSIS))
            return false;
    }
    return true;
}

static bool sizings(const struct queueing_model *model, const struct tree *list, struct buf *why)
{
    for (const struct tree *at = list->first; at != NULL; at = at->next) {
        const struct queueing_targets targets = {.ttft_ms = number(at, "ttft_ms"),
                                                 .itl_ms = number(at, "itl_ms"),
                                                 .tps = number(at, "tps")};
        struct queueing_sizing s;
        const enum rc rc = queueing_size(model, &targets, &s);
        if ((rc != RC_OK) != flag(at, "error")) {
            buf_printf(why, "size: %s", rc != RC_OK ? "refused" : "not refused");
            return false;
        }
        const struct tree *achieved = tree_get(at, "achieved");
        if (rc == RC_OK && !(close_to(why, "rate_ttft_rps", s.rate_ttft_rps, at, RATES) &&
                             close_to(why, "rate_itl_rps", s.rate_itl_rps, at, RATES) &&
                             close_to(why, "rate_tps_rps", s.rate_tps_rps, at, RATES) &&
                             same_metrics(why, &s.at_rate, tree_get(at, "at_min_rate"), RATES) &&
                             close_to(why, "itl_ms", s.itl_ms, achieved, SIZING) &&
                             close_to(why, "tps", s.tps, achieved, RATES)))
            return false;
    }
    return true;
}

static enum verdict queue(const struct vector *v, enum queueing_kind kind, struct buf *why)
{
    const struct queueing_model model = {.kind = kind,
                                         .batch = whole(v->tree, "max_batch"),
                                         .queue = whole(v->tree, "max_queue"),
                                         .alpha = number(v->tree, "alpha"),
                                         .beta = number(v->tree, "beta"),
                                         .gamma = number(v->tree, "gamma"),
                                         .delta = number(v->tree, "delta"),
                                         .in_tokens = number(v->tree, "in_tokens"),
                                         .out_tokens = number(v->tree, "out_tokens")};
    const bool refused = queueing_check(&model, NULL) != RC_OK;
    if (refused || flag(v->tree, "error"))
        return refused == flag(v->tree, "error") ? VERDICT_PASSED : VERDICT_FAILED;
    return close_to(why, "rate_min_rps", queueing_rate_min(&model), v->tree, ANALYSIS) &&
                   close_to(why, "rate_max_rps", queueing_rate_max(&model), v->tree, ANALYSIS) &&
                   analyses(&model, tree_get(v->tree, "analyze"), why) &&
                   sizings(&model, tree_get(v->tree, "size"), why)
               ? VERDICT_PASSED
               : VERDICT_FAILED;
}

static enum verdict queue_v1(const struct vector *v, struct buf *why)
{
    return queue(v, QUEUEING_TWO_LINES, why);
}

static enum verdict queue_v2(const struct vector *v, struct buf *why)
{
    return queue(v, QUEUEING_ONE_LINE, why);
}

/* ---- lines and arguments ---- */

static enum verdict itl_ols(const struct vector *v, struct buf *why)
{
    struct itl_point point[512];
    size_t n = 0;
    for (const struct tree *at = tree_get(v->tree, "obs")->first; at != NULL && n < 512;
         at = at->next, n++)
        if (!tree_number(at->first, &point[n].kv_usage) ||
            !tree_number(at->first->next, &point[n].itl_s))
            return VERDICT_FAILED;
    struct itl_line line;
    const bool ok = itl_line_fit(point, n, &line);
    if (!same_whole(why, "ok", ok, flag(v->tree, "ok")))
        return VERDICT_FAILED;
    if (!ok)
        return VERDICT_PASSED;
    return close_to(why, "a", line.a, v->tree, 1e-9) && close_to(why, "b", line.b, v->tree, 1e-9) &&
                   close_to(why, "itl_at_ksat", line.a * ITL_LINE_SATURATED + line.b, v->tree, 1e-9)
               ? VERDICT_PASSED
               : VERDICT_FAILED;
}

static void take_words(struct vllm_args *args, const struct tree *list, struct span *pending)
{
    for (const struct tree *at = list != NULL ? list->first : NULL; at != NULL; at = at->next) {
        struct span word;
        if (tree_string(at, &word))
            vllm_args_word(args, word, pending);
    }
}

static enum verdict vllm_args(const struct vector *v, struct buf *why)
{
    struct vllm_args a;
    struct span pending = {0};
    const struct tree *out = tree_get(v->tree, "out");
    vllm_args_init(&a, text(v->tree, "env_VLLM_USE_V1"));
    take_words(&a, tree_get(v->tree, "command"), &pending);
    take_words(&a, tree_get(v->tree, "args"), &pending);
    vllm_args_finish(&a);
    const struct {
        const char *name;
        int64_t found;
    } rows[] = {{"block_size", a.block_size},
                {"effective_max_batched_tokens", a.effective_max_batched_tokens},
                {"max_model_len", a.max_model_len},
                {"max_num_batched_tokens", a.max_num_batched_tokens},
                {"max_num_seqs", a.max_num_seqs},
                {"num_gpu_blocks_override", a.num_gpu_blocks_override},
                {"tensor_parallel_size", a.tensor_parallel_size}};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (!same_whole(why, rows[i].name, rows[i].found, whole(out, rows[i].name)))
            return VERDICT_FAILED;
    return same_whole(why, "chunked_prefill", a.chunked_prefill, flag(out, "chunked_prefill")) &&
                   same_whole(why, "enforce_eager", a.enforce_eager, flag(out, "enforce_eager")) &&
                   same_whole(why, "v1_engine", a.v1_engine, flag(out, "v1_engine")) &&
                   span_equal_text(text(out, "kv_cache_dtype"), a.kv_cache_dtype) &&
                   close_to(why, "gpu_memory_utilization", a.gpu_memory_utilization, out, 1e-12)
               ? VERDICT_PASSED
               : VERDICT_FAILED;
}

/* ---- saturation ---- */

/* Variants by name, in order. */
struct names {
    struct span name[SATURATION_VARIANTS_MAX];
    size_t count;
};

static size_t name_index(struct names *names, struct span name)
{
    for (size_t i = 0; i < names->count; i++)
        if (span_equal(names->name[i], name))
            return i;
    if (names->count == SATURATION_VARIANTS_MAX)
        return 0;
    names->name[names->count] = name;
    return names->count++;
}

static int by_text(struct span a, struct span b)
{
    const size_t len = a.len < b.len ? a.len : b.len;
    const int order = memcmp(a.ptr, b.ptr, len);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static void sort_names(struct names *names)
{
    for (size_t i = 1; i < names->count; i++)
        for (size_t j = i; j > 0 && by_text(names->name[j], names->name[j - 1]) < 0; j--) {
            const struct span kept = names->name[j];
            names->name[j] = names->name[j - 1];
            names->name[j - 1] = kept;
        }
}

static void add_names(struct names *names, const struct tree *list)
{
    for (const struct tree *at = list->first; at != NULL; at = at->next)
        (void)name_index(names, text(at, "variant"));
}

static bool same_targets(struct buf *why, const struct names *names, const int64_t *target,
                         const struct tree *wanted)
{
    for (size_t i = 0; i < names->count; i++) {
        char name[NAME_SIZE];
        double value = (double)SATURATION_NO_TARGET;
        (void)span_copy(names->name[i], name, sizeof name);
        (void)tree_number(tree_get(wanted, name), &value); /* not there: not considered */
        if (!same_whole(why, name, target[i], (int64_t)value))
            return false;
    }
    return true;
}

static enum verdict saturation_v1(const struct vector *v, struct buf *why)
{
    static const struct saturation_replica none;
    const struct tree *config = tree_get(v->tree, "config");
    const struct tree *out = tree_get(v->tree, "out");
    const struct saturation_config c = {.kv_threshold = number(config, "kvCacheThreshold"),
                                        .queue_threshold = number(config, "queueLengthThreshold"),
                                        .kv_spare_trigger = number(config, "kvSpareTrigger"),
                                        .queue_spare_trigger = number(config, "queueSpareTrigger")};
    struct names names = {.count = 0};
    struct saturation_replica replica[512] = {none};
    struct saturation_variant variant[SATURATION_VARIANTS_MAX] = {0};
    int64_t target[SATURATION_VARIANTS_MAX];
    size_t n = 0;
    add_names(&names, tree_get(v->tree, "states"));
    add_names(&names, tree_get(v->tree, "replicas"));
    sort_names(&names);
    for (const struct tree *at = tree_get(v->tree, "replicas")->first; at != NULL && n < 512;
         at = at->next)
        replica[n++] =
            (struct saturation_replica){name_index(&names, text(at, "variant")), number(at, "kv"),
                                        number(at, "queue"), number(at, "cost")};
    for (const struct tree *at = tree_get(v->tree, "states")->first; at != NULL; at = at->next)
        variant[name_index(&names, text(at, "variant"))] =
            (struct saturation_variant){.current = whole(at, "current"),
                                        .desired = whole(at, "desired"),
                                        .pending = whole(at, "pending")};
    struct saturation_result r;
    saturation_analyze(&c, replica, n, &r);
    saturation_targets(&r, replica, n, variant, names.count);
    for (size_t i = 0; i < names.count; i++)
        target[i] = variant[i].target;
    return close_to(why, "avg_spare_kv", r.spare_kv, out, 1e-9) &&
                   close_to(why, "avg_spare_queue", r.spare_queue, out, 1e-9) &&
                   same_whole(why, "total", r.total, whole(out, "total")) &&
                   same_whole(why, "non_saturated", r.non_saturated, whole(out, "non_saturated")) &&
                   same_whole(why, "scale_up", r.scale_up, flag(out, "scale_up")) &&
                   same_whole(why, "scale_down_safe", r.scale_down_safe,
                              flag(out, "scale_down_safe")) &&
                   same_targets(why, &names, target, tree_get(out, "targets"))
               ? VERDICT_PASSED
               : VERDICT_FAILED;
}

static struct tokens_variant_spec variant_spec(const struct tree *json)
{
    struct tokens_variant_spec spec = {.cost = number(json, "cost"),
                                       .has_args = tree_get(json, "vllm_args") != NULL,
                                       .kind = hash_u64(hash_span(1, text(json, "accelerator")),
                                                        (uint64_t)whole(json, "gpus_per_replica"))};
    struct span pending = {0};
    vllm_args_init(&spec.args, span_from(""));
    take_words(&spec.args, tree_get(json, "vllm_args"), &pending);
    vllm_args_finish(&spec.args);
    return spec;
}

static bool same_cycle(struct buf *why, const struct names *names, const struct tokens_variant *v,
                       const struct tokens_result *r, const struct tree *out)
{
    int64_t target[SATURATION_VARIANTS_MAX];
    for (size_t i = 0; i < names->count; i++)
        target[i] = v[i].target;
    for (const struct tree *at = tree_get(out, "variants")->first; at != NULL; at = at->next) {
        const struct tokens_variant *one = v;
        for (size_t i = 0; i < names->count; i++)
            if (span_equal(names->name[i], text(at, "variant")))
                one = &v[i];
        if (!same_whole(why, "per_replica", one->per_replica, whole(at, "per_replica")) ||
            !same_whole(why, "capacity", one->capacity, whole(at, "capacity")) ||
            !same_whole(why, "demand", one->demand, whole(at, "demand")) ||
            !same_whole(why, "replicas", one->ready, whole(at, "replicas")) ||
            !close_to(why, "cost", one->cost, at, 1e-9))
            return false;
    }
    return close_to(why, "demand", r->demand, out, 1e-9) &&
           close_to(why, "supply", r->supply, out, 1e-9) &&
           close_to(why, "required", r->required, out, 1e-7) &&
           close_to(why, "spare", r->spare, out, 1e-7) &&
           same_targets(why, names, target, tree_get(out, "targets"));
}

struct cycle {
    struct tokens_replica replica[512];
    size_t count;
    struct tokens_variant variant[SATURATION_VARIANTS_MAX];
    struct tokens_queue queue;
};

static void read_cycle(const struct tree *json, struct names *names, struct cycle *ret)
{
    *ret = (struct cycle){.count = 0};
    for (const struct tree *at = tree_get(json, "replicas")->first; at != NULL && ret->count < 512;
         at = at->next)
        ret->replica[ret->count++] =
            (struct tokens_replica){.variant = name_index(names, text(at, "variant")),
                                    .capacity = whole(at, "kv_capacity_tokens"),
                                    .in_use = whole(at, "tokens_in_use"),
                                    .queue = whole(at, "queue"),
                                    .avg_in = number(at, "avg_in"),
                                    .avg_out = number(at, "avg_out"),
                                    .prefix_hit = number(at, "prefix_hit")};
    for (const struct tree *at = tree_get(json, "states")->first; at != NULL; at = at->next)
        ret->variant[name_index(names, text(at, "variant"))] = (struct tokens_variant){
            .current = whole(at, "current"), .pending = whole(at, "pending")};
    const struct tree *queue_json = tree_get(json, "scheduler_queue");
    ret->queue = (struct tokens_queue){number(queue_json, "bytes"), number(queue_json, "size")};
}

static enum verdict saturation_v2(const struct vector *v, struct buf *why)
{
    const struct tree *config = tree_get(v->tree, "config");
    const struct tokens_config c = {.kv_threshold = number(config, "kvCacheThreshold"),
                                    .queue_threshold = number(config, "queueLengthThreshold"),
                                    .up_threshold = number(config, "scaleUpThreshold"),
                                    .down_boundary = number(config, "scaleDownBoundary")};
    struct names names = {.count = 0};
    struct tokens_variant_spec spec[SATURATION_VARIANTS_MAX];
    struct tokens_state state = {0};
    add_names(&names, tree_get(v->tree, "variants"));
    sort_names(&names);
    for (const struct tree *at = tree_get(v->tree, "variants")->first; at != NULL; at = at->next)
        spec[name_index(&names, text(at, "variant"))] = variant_spec(at);
    size_t number_of_cycle = 0;
    for (const struct tree *at = tree_get(v->tree, "cycles")->first; at != NULL; at = at->next) {
        struct cycle cycle;
        struct tokens_result r;
        read_cycle(at, &names, &cycle);
        const struct tokens_input in = {
            .config = &c,
            .spec = spec,
            .variant_count = names.count,
            .replica = cycle.replica,
            .replica_count = cycle.count,
            .queue = cycle.queue.size > 0 || cycle.queue.bytes > 0 ? &cycle.queue : NULL};
        tokens_cycle(&in, &state, cycle.variant, &r);
        if (!same_cycle(why, &names, cycle.variant, &r, tree_get(at, "out"))) {
            buf_printf(why, " in cycle %zu", number_of_cycle);
            return VERDICT_FAILED;
        }
        number_of_cycle++;
    }
    return VERDICT_PASSED;
}

static const struct kind_row kinds[] = {
    {"queue_v1", queue_v1},
    {"queue_v2", queue_v2},
    {"itl_ols", itl_ols},
    {"vllm_args", vllm_args},
    {"saturation_v1", saturation_v1},
    {"saturation_v2", saturation_v2},
    {NULL, NULL},
};

static enum verdict run(const struct vector *v, struct buf *why)
{
    return run_kind(kinds, v, why);
}

const struct suite suite_wva = {.name = "wva", .run = run};
