/* suite_dynamo_parts.c - the kinds of suite dynamo that are one call each: profiles, predictors,
 * budgets, intervals of a trace. */
#include <math.h>
#include <string.h>

#include "sim/trace_buckets.h"
#include "suite_dynamo.h"
#include "trajectory.h"

#define PROFILES_MAX 8
#define FLOOR 1e-9
#define CELL_ITL_FLOOR 1e-6
#define CELL_THROUGHPUT_FLOOR 1e-3

static enum verdict verdict_of(bool good)
{
    return good ? VERDICT_PASSED : VERDICT_FAILED;
}

double dynamo_number(const struct tree *object, const char *key)
{
    const struct tree *json = tree_get(object, key);
    struct span text;
    double value = NAN;
    if (tree_string(json, &text) && span_equal_text(text, "Inf"))
        return (double)INFINITY;
    if (tree_string(json, &text) && span_equal_text(text, "-Inf"))
        return -(double)INFINITY;
    (void)tree_number(json, &value); /* NaN otherwise */
    return value;
}

static bool same(struct buf *why, size_t step, const char *key, double found,
                 const struct tree *out, double floor_)
{
    const double expected = dynamo_number(out, key);
    return (isnan(found) && isnan(expected)) || fabs(found - expected) <= floor_ ||
           same_number(why, step, key, found, expected, DYNAMO_TOLERANCE);
}

bool dynamo_same(struct buf *why, size_t step, const char *key, double found,
                 const struct tree *out)
{
    return same(why, step, key, found, out, FLOOR);
}

/* ---- profiles ---- */

struct loaded {
    char name[NAME_SIZE];
    struct arena arena;
    struct dynamo_profile profile;
};

static bool read_json(struct arena *arena, const struct vector *v, struct span name,
                      const char *end, const struct tree **ret)
{
    char file[256];
    char folder[4096];
    struct buf path;
    struct diag diag = {.code = RC_OK};
    struct buf *text = arena_alloc(arena, sizeof(*text)); /* outlives the tree's spans */
    buf_init(&path, sizeof(folder));
    buf_printf(&path, "%s/../../profiles", v->folder);
    bool good = text != NULL && span_copy(buf_view(&path), folder, sizeof(folder));
    buf_clear(&path);
    buf_printf(&path, "%.*s%s", SPAN_ARG(name), end);
    good = good && span_copy(buf_view(&path), file, sizeof(file));
    buf_done(&path);
    if (!good)
        return false;
    buf_init(text, FILE_BYTES_MAX);
    good = read_file(folder, span_from(file), text) &&
           json_read(arena, buf_view(text), NULL, ret, &diag) == RC_OK;
    return good;
}

static double *numbers_of(struct arena *arena, const struct tree *array, size_t *ret_count)
{
    const size_t n = array != NULL ? array->count : 0;
    double *numbers = arena_array(arena, n + 1, sizeof(*numbers));
    size_t i = 0;
    const struct tree *one = array != NULL ? array->first : NULL;
    for (; one != NULL && numbers != NULL; one = one->next)
        (void)tree_number(one, &numbers[i++]); /* profiles hold numbers only */
    *ret_count = i;
    return numbers;
}

static const struct dynamo_table_cell *table_of(struct arena *arena, const struct tree *grid)
{
    size_t itl_count = 0;
    size_t rate_count = 0;
    const double *itl = numbers_of(arena, tree_get(grid, "itl_ms"), &itl_count);
    const double *rate = numbers_of(arena, tree_get(grid, "thpt_per_gpu"), &rate_count);
    struct dynamo_table_cell *table = arena_array(arena, DYNAMO_TABLE_CELLS, sizeof(*table));
    if (table == NULL || itl_count != DYNAMO_TABLE_CELLS || rate_count != DYNAMO_TABLE_CELLS)
        return NULL;
    for (size_t i = 0; i < DYNAMO_TABLE_CELLS; i++)
        table[i] = (struct dynamo_table_cell){itl[i], rate[i]};
    return table;
}

static bool load_profile(struct loaded *l, const struct vector *v, struct span name)
{
    const struct tree *points = NULL;
    const struct tree *grid = NULL;
    size_t n = 0;
    if (!read_json(&l->arena, v, name, ".json", &points) ||
        !read_json(&l->arena, v, name, ".grid.json", &grid))
        return false;
    const double *isl = numbers_of(&l->arena, tree_path(points, "prefill.isl"), &n);
    const double *ttft = numbers_of(&l->arena, tree_path(points, "prefill.ttft_ms"), &n);
    const double *rate = numbers_of(&l->arena, tree_path(points, "prefill.thpt_per_gpu"), &n);
    struct dynamo_prefill_point *prefill = arena_array(&l->arena, n + 1, sizeof(*prefill));
    if (isl == NULL || ttft == NULL || rate == NULL || prefill == NULL)
        return false;
    for (size_t i = 0; i < n; i++)
        prefill[i] = (struct dynamo_prefill_point){isl[i], ttft[i], rate[i]};
    l->profile = (struct dynamo_profile){
        .prefill = prefill,
        .prefill_count = n,
        .max_kv_tokens = number_of_member(points, "max_kv_tokens", 0),
        .table = table_of(&l->arena, grid),
        .context_max = number_of_member(grid, "y_max", 0),
    };
    return dynamo_profile_usable(&l->profile);
}

const struct dynamo_profile *dynamo_profile_named(const struct vector *v, const struct tree *in)
{
    static struct loaded profiles[PROFILES_MAX]; /* read once: they are large */
    static size_t count;
    struct span name;
    if (!tree_string(tree_get(in, "profile"), &name))
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (span_equal_text(name, profiles[i].name))
            return &profiles[i].profile;
    if (count == PROFILES_MAX || !span_copy(name, profiles[count].name, NAME_SIZE))
        return NULL;
    arena_init(&profiles[count].arena, VECTOR_MEMORY_MAX);
    return load_profile(&profiles[count], v, name) ? &profiles[count++].profile : NULL;
}

enum verdict dynamo_interp_prefill(const struct vector *v, struct buf *why)
{
    const struct tree *in = tree_get(v->tree, "in");
    const struct tree *out = tree_get(v->tree, "out");
    const struct dynamo_profile *profile = dynamo_profile_named(v, in);
    if (profile == NULL)
        return VERDICT_FAILED;
    const struct dynamo_prefill p = dynamo_prefill_at(profile, dynamo_number(in, "isl"));
    return verdict_of(dynamo_same(why, 0, "ttft_ms", p.ttft_ms, out) &&
                      dynamo_same(why, 0, "thpt_per_gpu", p.throughput, out));
}

static bool same_cell(struct buf *why, const struct dynamo_cell *cell, const struct tree *out)
{
    return same(why, 0, "itl_ms", cell->itl_ms, out, CELL_ITL_FLOOR) &&
           same(why, 0, "thpt_per_gpu", cell->throughput, out, CELL_THROUGHPUT_FLOOR);
}

enum verdict dynamo_interp_decode(const struct vector *v, struct buf *why)
{
    const struct tree *in = tree_get(v->tree, "in");
    const struct tree *out = tree_get(v->tree, "out");
    const struct dynamo_profile *profile = dynamo_profile_named(v, in);
    if (profile == NULL)
        return VERDICT_FAILED;
    const struct dynamo_cell cell = dynamo_decode_at(profile, dynamo_number(in, "concurrency"),
                                                     dynamo_number(in, "context_length"));
    return verdict_of(same_int(why, 0, "ix", cell.x, int_of_member(out, "ix", -1)) &&
                      same_int(why, 0, "iy", cell.y, int_of_member(out, "iy", -1)) &&
                      same_cell(why, &cell, out));
}

enum verdict dynamo_find_best_decode(const struct vector *v, struct buf *why)
{
    const struct tree *in = tree_get(v->tree, "in");
    const struct tree *out = tree_get(v->tree, "out");
    const struct dynamo_profile *profile = dynamo_profile_named(v, in);
    if (profile == NULL)
        return VERDICT_FAILED;
    const struct dynamo_cell cell = dynamo_best_decode(profile, dynamo_number(in, "itl_ms"),
                                                       dynamo_number(in, "context_length"));
    return verdict_of(dynamo_same(why, 0, "kv_usage", (double)cell.x / (DYNAMO_CELLS - 1), out) &&
                      same_cell(why, &cell, out));
}

/* ---- predictors ---- */

struct dynamo_predictor dynamo_predictor_from(const struct tree *config, int kind)
{
    return (struct dynamo_predictor){
        .kind = kind,
        .log1p = bool_of_member(config, "load_predictor_log1p"),
        .q_level = number_of_member(config, "kalman_q_level", 1),
        .q_trend = number_of_member(config, "kalman_q_trend", 0.1),
        .r = number_of_member(config, "kalman_r", 10),
    };
}

static double item_number(const struct tree *item)
{
    double value = NAN;
    (void)tree_number(item, &value); /* "NaN" otherwise */
    return value;
}

static enum verdict predict(const struct vector *v, struct buf *why, int kind)
{
    const struct tree *in = tree_get(v->tree, "in");
    const struct tree *values = tree_get(in, "values");
    const struct tree *steps = tree_get(tree_get(v->tree, "out"), "steps");
    const struct dynamo_predictor p = dynamo_predictor_from(tree_get(in, "config"), kind);
    const size_t warm = (size_t)int_of_member(in, "warmup_points", 0);
    const bool twice = bool_of_member(in, "predict_twice");
    struct dynamo_series s;
    dynamo_series_init(&s);
    size_t i = 0;
    const struct tree *out = steps != NULL ? steps->first : NULL;
    const struct tree *value = values != NULL ? values->first : NULL;
    for (; value != NULL && out != NULL; value = value->next, out = out->next, i++) {
        if (warm > 0 && i == warm)
            dynamo_series_rest(&s);
        dynamo_series_add(&p, &s, item_number(value));
        if (i < warm)
            continue;
        if (!dynamo_same(why, i, "pred", dynamo_series_predict(&p, &s), out) ||
            (twice && !dynamo_same(why, i, "pred2", dynamo_series_predict(&p, &s), out)))
            return VERDICT_FAILED;
    }
    return verdict_of(i > 0);
}

enum verdict dynamo_predict_constant(const struct vector *v, struct buf *why)
{
    return predict(v, why, DYNAMO_CONSTANT);
}

enum verdict dynamo_predict_kalman(const struct vector *v, struct buf *why)
{
    return predict(v, why, DYNAMO_KALMAN);
}

/* ---- budgets ---- */

static struct dynamo_band band_from(const struct tree *in)
{
    return (struct dynamo_band){int_of_member(in, "min_gpus", -1),
                                int_of_member(in, "max_gpus", -1)};
}

enum verdict dynamo_budget_single(const struct vector *v, struct buf *why)
{
    const struct tree *in = tree_get(v->tree, "in");
    const struct dynamo_band band = band_from(in);
    const struct dynamo_gpus gpus = {int_of_member(in, "engine_gpu", 0),
                                     int_of_member(in, "min_endpoint", 0)};
    const int64_t found = dynamo_fit_single(int_of_member(in, "desired", 0), &gpus, &band);
    return verdict_of(same_int(why, 0, "replicas", found,
                               int_of_member(tree_get(v->tree, "out"), "replicas", -1)));
}

enum verdict dynamo_budget_pair(const struct vector *v, struct buf *why)
{
    const struct tree *in = tree_get(v->tree, "in");
    const struct tree *out = tree_get(v->tree, "out");
    const struct dynamo_band band = band_from(in);
    const int64_t least = int_of_member(in, "prefill_min_endpoint", 0);
    const struct dynamo_gpus prefill = {int_of_member(in, "p_gpu", 0), least};
    const struct dynamo_gpus decode = {int_of_member(in, "d_gpu", 0),
                                       int_of_member(in, "decode_min_endpoint", least)};
    const struct dynamo_pair wanted = {int_of_member(in, "num_p", 0),
                                       int_of_member(in, "num_d", 0)};
    const struct dynamo_pair found = dynamo_fit_pair(wanted, &prefill, &decode, &band);
    return verdict_of(same_int(why, 0, "prefill", found.prefill, int_of_member(out, "num_p", -1)) &&
                      same_int(why, 0, "decode", found.decode, int_of_member(out, "num_d", -1)));
}

enum verdict dynamo_budget_power(const struct vector *v, struct buf *why)
{
    static const char *const reasons[] = {
        [DYNAMO_POWER_FITS] = NULL,
        [DYNAMO_POWER_CLAMPED] = "power_budget_clamped",
        [DYNAMO_POWER_STAGED] = "power_rebalance_staged",
        [DYNAMO_POWER_SUPPRESSED] = "power_budget_scale_up_suppressed",
        [DYNAMO_POWER_INFEASIBLE] = NULL,
    };
    const struct tree *in = tree_get(v->tree, "in");
    const struct tree *out = tree_get(v->tree, "out");
    const int64_t least = int_of_member(in, "prefill_min_endpoint", 0);
    const struct dynamo_draw prefill = {
        .proposed = int_of_member(in, "proposed_p", -1),
        .current = int_of_member(in, "current_p", -1),
        .watts = number_of_member(in, "p_watts", NAN),
        .min_replicas = least,
    };
    const struct dynamo_draw decode = {
        .proposed = int_of_member(in, "proposed_d", -1),
        .current = int_of_member(in, "current_d", -1),
        .watts = number_of_member(in, "d_watts", NAN),
        .min_replicas = int_of_member(in, "decode_min_endpoint", least),
    };
    const struct dynamo_powered found =
        dynamo_fit_power(&prefill, &decode, number_of_member(in, "total_budget", 0));
    const bool infeasible = tree_get(out, "error") != NULL;
    if (infeasible || found.outcome == DYNAMO_POWER_INFEASIBLE)
        return verdict_of(
            same_int(why, 0, "infeasible", found.outcome == DYNAMO_POWER_INFEASIBLE, infeasible));
    const char *reason = reasons[found.outcome];
    if (reason == NULL ? tree_get(out, "reason")->kind != TREE_NULL
                       : !text_is(out, "reason", reason)) {
        buf_printf(why, "the reason is %s", reason != NULL ? reason : "null");
        return VERDICT_FAILED;
    }
    return verdict_of(
        same_int(why, 0, "prefill", found.count.prefill, int_of_member(out, "num_p", -1)) &&
        same_int(why, 0, "decode", found.count.decode, int_of_member(out, "num_d", -1)));
}

/* ---- intervals of a trace ---- */

static size_t requests_from(const struct tree *in, struct trace_bucket_request *ret,
                            int64_t *ret_origin_ms)
{
    const bool mooncake = text_is(in, "format", "mooncake");
    const struct tree *lines = tree_get(in, "lines");
    size_t n = 0;
    *ret_origin_ms = mooncake ? 0 : INT64_MAX;
    const struct tree *line = lines != NULL ? lines->first : NULL;
    for (; line != NULL; line = line->next) {
        const struct tree *event = tree_get(line, "event");
        const struct tree *request = tree_get(event, "request");
        if (!mooncake && !text_is(event, "event_type", "request_end"))
            continue;
        struct trace_bucket_request *r = &ret[n++];
        r->t_ms = mooncake ? int_of_member(line, "timestamp", 0)
                           : int_of_member(request, "request_received_ms", 0);
        r->input_tokens = mooncake
                              ? number_of_member(line, "input_length", 0)
                              : number_of_member(tree_get(request, "replay"), "input_length", 0);
        r->output_tokens = mooncake ? number_of_member(line, "output_length", 0)
                                    : number_of_member(request, "output_tokens", 0);
        if (!mooncake && r->t_ms < *ret_origin_ms)
            *ret_origin_ms = r->t_ms;
    }
    return n;
}

enum verdict dynamo_trace_buckets(const struct vector *v, struct buf *why)
{
    const struct tree *in = tree_get(v->tree, "in");
    const struct tree *lines = tree_get(in, "lines");
    const struct tree *intervals = tree_get(tree_get(v->tree, "out"), "intervals");
    const struct trace_bucket *buckets = NULL;
    size_t count = 0;
    struct trace_bucket_input input = {.interval_s = int_of_member(in, "interval_s", 1)};
    struct diag diag = {.code = RC_OK};
    struct trace_bucket_request *requests =
        arena_array(v->arena, (lines != NULL ? lines->count : 0) + 1, sizeof(*requests));
    if (requests == NULL || intervals == NULL)
        return VERDICT_FAILED;
    input.requests = requests;
    input.count = requests_from(in, requests, &input.origin_ms);
    if (trace_buckets(v->arena, &input, &buckets, &count, &diag) != RC_OK) {
        buf_text(why, diag.text);
        return VERDICT_FAILED;
    }
    size_t i = 0;
    const struct tree *out = intervals->first;
    for (; out != NULL && i < count; out = out->next, i++)
        if (!same_int(why, i, "begin", buckets[i].start_s,
                      int_of_member(out, "interval_start", -1)) ||
            !same_int(why, i, "requests", buckets[i].requests,
                      int_of_member(out, "request_count", -1)) ||
            !dynamo_same(why, i, "avg_isl", buckets[i].input_tokens, out) ||
            !dynamo_same(why, i, "avg_osl", buckets[i].output_tokens, out))
            return VERDICT_FAILED;
    return verdict_of(same_int(why, 0, "intervals", (int64_t)count, (int64_t)intervals->count));
}
