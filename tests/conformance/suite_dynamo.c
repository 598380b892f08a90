/* suite_dynamo.c - Dynamo's planners: whole runs, fed through the core as an exact pair of pools,
 * and the pair for one forecast. Kinds that are one call each are in suite_dynamo_parts.c. */
#include "suite_dynamo.h"

#include <math.h>
#include <string.h>

#include "base/duration.h"
#include "trajectory.h"

static enum verdict verdict_of(bool good)
{
    return good ? VERDICT_PASSED : VERDICT_FAILED;
}

static struct dynamo_sla_config sla_config(const struct tree *config,
                                           const struct dynamo_profile *profile)
{
    struct dynamo_sla_config sla = {
        .interval_ns = ns_of_seconds(number_of_member(config, "adjustment_interval", 0)),
        .input = DYNAMO_AVERAGES,
        .ttft_ms = number_of_member(config, "ttft", 0),
        .itl_ms = number_of_member(config, "itl", 0),
        .gpu_budget = int_of_member(config, "max_gpu_budget", 0),
        .min_replicas = int_of_member(config, "min_endpoint", 0),
        .prefill_gpus = int_of_member(config, "prefill_engine_num_gpu", 1),
        .decode_gpus = int_of_member(config, "decode_engine_num_gpu", 1),
        .predictor = dynamo_predictor_from(
            config, text_is(config, "load_predictor", "kalman") ? DYNAMO_KALMAN : DYNAMO_CONSTANT),
        .correct = !bool_of_member(config, "no_correction"),
        .max_kv_tokens = profile->max_kv_tokens,
        .prefill_count = profile->prefill_count < DYNAMO_PREFILL_MAX ? profile->prefill_count
                                                                     : DYNAMO_PREFILL_MAX,
        .table = profile->table,
        .table_count = DYNAMO_TABLE_CELLS,
        .table_context_max = profile->context_max,
    };
    memcpy(sla.prefill, profile->prefill, sla.prefill_count * sizeof(sla.prefill[0]));
    return sla;
}

static enum verdict sla_replicas(const struct vector *v, struct buf *why)
{
    const struct tree *in = tree_get(v->tree, "in");
    const struct tree *out = tree_get(v->tree, "out");
    const struct dynamo_profile *profile = dynamo_profile_named(v, in);
    if (profile == NULL)
        return VERDICT_FAILED;
    const struct dynamo_sla_config config = sla_config(in, profile);
    const struct dynamo_pair pair =
        dynamo_sla_pair(&config, profile,
                        &(struct dynamo_forecast){
                            .requests = dynamo_number(in, "next_num_req"),
                            .isl = dynamo_number(in, "next_isl"),
                            .osl = dynamo_number(in, "next_osl"),
                            .prefill_correction = dynamo_number(in, "p_correction_factor"),
                            .decode_correction = dynamo_number(in, "d_correction_factor"),
                        });
    return verdict_of(same_int(why, 0, "prefill", pair.prefill, int_of_member(out, "num_p", -1)) &&
                      same_int(why, 0, "decode", pair.decode, int_of_member(out, "num_d", -1)));
}

/* ---- whole runs ---- */

static void put(struct trajectory *t, int64_t t_ns, const char *name, double value)
{
    trajectory_put(t, t_ns, SIGNAL_EXTERNAL, name, isnan(value) ? SIGNAL_ABSENT : SIGNAL_VALUE,
                   isnan(value) ? 0 : value);
}

static void put_load(struct trajectory *t, int64_t t_ns, double requests, double isl, double osl)
{
    put(t, t_ns, "interval-requests", requests);
    put(t, t_ns, "interval-input-tokens", isl);
    put(t, t_ns, "interval-output-tokens", osl);
}

static void set_workers(struct trajectory *t, int64_t prefill, int64_t decode)
{
    const int64_t counts[] = {prefill, decode};
    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        struct pool_observation *o = &t->o.pool[i];
        o->ready = counts[i];
        o->foreign_count = counts[i] != group_desired(t->group, t->state, i) ? counts[i] : NO_COUNT;
    }
}

static bool same_pair(const struct trajectory *t, size_t step, const struct tree *applied)
{
    const bool none = applied == NULL || applied->kind == TREE_NULL;
    if (!same_int(t->why, step, "nothing", t->d.proposal.abstain, none) ||
        !same_int(t->why, step, "nothing there", t->partner_d.proposal.abstain, none))
        return false;
    return none || (same_int(t->why, step, "prefill", t->d.desired,
                             int_of_member(applied, "prefill", -1)) &&
                    same_int(t->why, step, "decode", t->partner_d.desired,
                             int_of_member(applied, "decode", -1)));
}

static bool sla_step(struct trajectory *t, const struct tree *in, const struct tree *out,
                     size_t step, int64_t now_ns)
{
    put_load(t, now_ns, dynamo_number(in, "num_req"), dynamo_number(in, "isl"),
             dynamo_number(in, "osl"));
    put(t, now_ns, "interval-ttft", dynamo_number(in, "ttft_s"));
    put(t, now_ns, "interval-itl", dynamo_number(in, "itl_s"));
    put(t, now_ns, "interval-duration", dynamo_number(in, "request_duration_s"));
    set_workers(t, int_of_member(in, "workers_p", 0), int_of_member(in, "workers_d", 0));
    if (!trajectory_decide_as(t, now_ns, step == 0 ? TICK_START : TICK_PERIOD))
        return false;
    const struct dynamo_sla_state *state = trajectory_state(t);
    return same_pair(t, step, tree_get(out, "applied")) &&
           dynamo_same(t->why, step, "p_correction_factor", state->prefill_correction, out) &&
           dynamo_same(t->why, step, "d_correction_factor", state->decode_correction, out);
}

/* Rows of history are intervals in which no latency is known. */
static bool warm_up(struct trajectory *t, const struct tree *rows, int64_t interval_ns,
                    int64_t *now_ns)
{
    const struct tree *row = rows != NULL && rows->kind == TREE_ARRAY ? rows->first : NULL;
    for (; row != NULL; row = row->next, *now_ns += interval_ns) {
        double numbers[3] = {NAN, NAN, NAN};
        for (size_t i = 0; i < COUNT_OF(numbers); i++)
            (void)tree_number(tree_at(row, i), &numbers[i]); /* NaN stays where there is none */
        put_load(t, *now_ns, numbers[0], numbers[1], numbers[2]);
        if (!trajectory_decide_as(t, *now_ns, TICK_PERIOD))
            return false;
    }
    return true;
}

static bool run_sla(const struct vector *v, struct trajectory *t)
{
    const struct tree *in = tree_get(v->tree, "in");
    const struct dynamo_profile *profile = dynamo_profile_named(v, in);
    struct dynamo_sla_config *config = t->pool.policy_config;
    int64_t now_ns = 0;
    if (profile == NULL)
        return false;
    *config = sla_config(tree_get(in, "config"), profile);
    if (!trajectory_start(t, now_ns, 1) ||
        !warm_up(t, tree_get(in, "warmup"), config->interval_ns, &now_ns))
        return false;
    size_t step = 0;
    const struct tree *steps = tree_get(in, "steps");
    const struct tree *outs = tree_get(tree_get(v->tree, "out"), "steps");
    const struct tree *out = outs != NULL ? outs->first : NULL;
    const struct tree *one = steps != NULL ? steps->first : NULL;
    for (; one != NULL && out != NULL; one = one->next, out = out->next, step++) {
        if (!sla_step(t, one, out, step, now_ns))
            return false;
        now_ns += config->interval_ns;
    }
    return step > 0;
}

static void put_samples(struct trajectory *t, const struct tree *samples, int64_t now_ns)
{
    const struct tree *sample = samples != NULL ? samples->first : NULL;
    for (; sample != NULL; sample = sample->next) {
        const struct tree *engines = tree_get(sample, "engines");
        put(t, now_ns, "prefill-queue", dynamo_number(sample, "prefill_queue_size"));
        const struct tree *e = engines != NULL ? engines->first : NULL;
        for (; e != NULL; e = e->next)
            put(t, now_ns, "decode-load",
                dynamo_kv_load(dynamo_number(e, "gpu_cache_usage_perc"),
                               dynamo_number(e, "num_requests_waiting"),
                               dynamo_number(e, "request_active_slots")));
    }
}

static bool same_operations(const struct trajectory *t, size_t step, const struct tree *out)
{
    const struct dynamo_load_state *state = trajectory_state(t);
    const struct tree *ops = tree_get(out, "ops");
    int64_t prefill = 0;
    int64_t decode = 0;
    for (const struct tree *op = ops != NULL ? ops->first : NULL; op != NULL; op = op->next) {
        struct span text = {NULL, 0};
        (void)tree_string(op, &text); /* "+p" and the like */
        const int64_t change = span_starts_with(text, "+") ? 1 : -1;
        *(span_ends_with(text, "p") ? &prefill : &decode) += change;
    }
    const int64_t changes[] = {[DYNAMO_SAME] = 0, [DYNAMO_MORE] = 1, [DYNAMO_LESS] = -1};
    return same_int(t->why, step, "change of prefill", changes[state->prefill_change], prefill) &&
           same_int(t->why, step, "change of decode", changes[state->decode_change], decode) &&
           same_int(t->why, step, "grace", state->grace, int_of_member(out, "grace_after", -1));
}

static bool load_step(struct trajectory *t, const struct tree *in, const struct tree *out,
                      size_t step, int64_t now_ns)
{
    const int64_t came = bool_of_member(in, "changed") ? 1 : 0;
    put_samples(t, tree_get(in, "samples"), now_ns);
    set_workers(t, int_of_member(in, "workers_p", 0), int_of_member(in, "workers_d", 0) + came);
    return trajectory_decide_as(t, now_ns, TICK_PERIOD) &&
           same_int(t->why, step, "prefill", t->d.desired, int_of_member(out, "workers_p", -1)) &&
           same_int(t->why, step, "decode", t->partner_d.desired,
                    int_of_member(out, "workers_d", -1)) &&
           same_operations(t, step, out);
}

static bool run_load(const struct vector *v, struct trajectory *t)
{
    const struct tree *in = tree_get(v->tree, "in");
    const struct tree *c = tree_get(in, "config");
    struct dynamo_load_config *config = t->pool.policy_config;
    config->gpu_budget = int_of_member(c, "max_gpu_budget", 0);
    config->min_replicas = int_of_member(c, "min_endpoint", 0);
    config->prefill_gpus = int_of_member(c, "prefill_engine_num_gpu", 1);
    config->decode_gpus = int_of_member(c, "decode_engine_num_gpu", 1);
    config->kv_up = number_of_member(c, "decode_kv_scale_up_threshold", 0);
    config->kv_down = number_of_member(c, "decode_kv_scale_down_threshold", 0);
    config->queue_up = number_of_member(c, "prefill_queue_scale_up_threshold", 0);
    config->queue_down = number_of_member(c, "prefill_queue_scale_down_threshold", 0);
    size_t step = 0;
    const struct tree *steps = tree_get(in, "steps");
    const struct tree *outs = tree_get(tree_get(v->tree, "out"), "steps");
    const struct tree *out = outs != NULL ? outs->first : NULL;
    const struct tree *one = steps != NULL ? steps->first : NULL;
    /* The begin of the first interval: the planner counts its workers. */
    if (!trajectory_start(t, -config->interval_ns, 1))
        return false;
    set_workers(t, int_of_member(one, "workers_p", 0), int_of_member(one, "workers_d", 0));
    if (!trajectory_decide_as(t, -config->interval_ns, TICK_PERIOD))
        return false;
    for (; one != NULL && out != NULL; one = one->next, out = out->next, step++)
        if (!load_step(t, one, out, step, (int64_t)step * config->interval_ns))
            return false;
    return step > 0;
}

/* Straight, with the state written and read again before each tick, and through libsluice. */
static enum verdict each_way(const struct vector *v, struct buf *why, const char *policy,
                             bool run(const struct vector *v, struct trajectory *t))
{
    bool good = true;
    for (int way = WAY_STRAIGHT; way < WAY_COUNT && good; way++) {
        struct trajectory t;
        good = trajectory_init(&t, v->arena, policy, (enum way)way, why);
        trajectory_pair(&t, ROLE_PREFILL, ROLE_DECODE);
        good = good && run(v, &t);
        if (!good)
            buf_text(why, way_words((enum way)way));
        trajectory_done(&t);
    }
    return verdict_of(good);
}

static enum verdict sla_trajectory(const struct vector *v, struct buf *why)
{
    return each_way(v, why, "dynamo-sla", run_sla);
}

static enum verdict load_v02(const struct vector *v, struct buf *why)
{
    return each_way(v, why, "dynamo-load", run_load);
}

static enum verdict run(const struct vector *v, struct buf *why)
{
    static const struct kind_row kinds[] = {
        {"sla_replicas", sla_replicas},
        {"sla_trajectory", sla_trajectory},
        {"load_v02", load_v02},
        {"interp_prefill", dynamo_interp_prefill},
        {"interp_decode", dynamo_interp_decode},
        {"find_best_decode", dynamo_find_best_decode},
        {"predict_constant", dynamo_predict_constant},
        {"predict_kalman", dynamo_predict_kalman},
        {"budget_single", dynamo_budget_single},
        {"budget_pair", dynamo_budget_pair},
        {"budget_power", dynamo_budget_power},
        {"trace_buckets", dynamo_trace_buckets},
        {NULL, NULL},
    };
    return run_kind(kinds, v, why);
}

const struct suite suite_dynamo = {.name = "dynamo", .run = run};
