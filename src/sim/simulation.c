#include "sim/simulation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "sim/installation.h"
#include "sim/scenario.h"

#define PAIR 2                     /* pools at most: prefill and decode */
#define CHAOS_CRASHES_PER_HOUR 0.5 /* of each replica, beside the faults of chaos.h */

static enum rc unknown(struct diag *diag, const char *what, const char *name,
                       const char *const *known, size_t count)
{
    const char *nearest = name_nearest(span_from(name), known, count);
    if (nearest != NULL)
        return fail(diag, RC_UNKNOWN, "there is no %s \"%.64s\"; did you mean \"%s\"?", what, name,
                    nearest);
    return fail(diag, RC_UNKNOWN, "there is no %s \"%.64s\"", what, name);
}

static struct pool_config *partner_of(const struct config *config, const struct pool_config *pool)
{
    const int wanted = pool->core.role == ROLE_PREFILL  ? ROLE_DECODE
                       : pool->core.role == ROLE_DECODE ? ROLE_PREFILL
                                                        : ROLE_NONE;
    for (size_t i = 0; i < config->pool_count && wanted != ROLE_NONE; i++)
        if (config->pool[i]->core.role == wanted &&
            strcmp(config->pool[i]->group, pool->group) == 0)
            return config->pool[i];
    return NULL;
}

static void keep_pool(struct config *config, struct pool_config *pool)
{
    struct pool_config *partner = partner_of(config, pool);
    const bool second = pool->core.role == ROLE_DECODE && partner != NULL;
    config->pool[0] = second ? partner : pool;
    config->pool_count = 1;
    if (partner != NULL)
        config->pool[config->pool_count++] = second ? pool : partner;
}

static enum rc choose_pool(struct config *config, const char *name, struct diag *diag)
{
    const char *known[64];
    size_t n = 0;
    for (size_t i = 0; i < config->pool_count; i++) {
        if (name == NULL || strcmp(config->pool[i]->core.name, name) == 0) {
            keep_pool(config, config->pool[i]);
            return RC_OK;
        }
        if (n < COUNT_OF(known))
            known[n++] = config->pool[i]->core.name;
    }
    return name == NULL ? fail(diag, RC_MISSING, "the configuration has no pool")
                        : unknown(diag, "pool", name, known, n);
}

enum rc simulation_choose(struct config *config, const char *pool, const char *policy,
                          struct diag *diag)
{
    const enum rc rc = choose_pool(config, pool, diag);
    if (rc != RC_OK || policy == NULL)
        return rc;
    const struct policy_ops *ops = policy_find(span_from(policy));
    if (ops == NULL) {
        const char *known[64];
        size_t n = 0;
        for (; n < COUNT_OF(known) && policy_at(n) != NULL; n++)
            known[n] = policy_at(n)->name;
        return unknown(diag, "policy", policy, known, n);
    }
    for (size_t i = 0; i < config->pool_count; i++) {
        struct pool_config *chosen = config->pool[i];
        chosen->core.policy = ops;
        chosen->core.policy_config = layout_policy_config(chosen, ops);
    }
    return RC_OK;
}

static bool next_row(void *source, struct world_arrival *ret)
{
    struct trace_row row;
    if (!feed_next(source, &row))
        return false;
    *ret = (struct world_arrival){.at_ns = row.arrival_ns,
                                  .prompt_tokens = row.input_tokens,
                                  .output_tokens = row.output_tokens,
                                  .cached_tokens = row.cached_tokens,
                                  .session = row.session,
                                  .priority = UINT32_MAX};
    return true;
}

static double objective(int64_t ns)
{
    return ns == 0 ? NAN : seconds_of(ns);
}

static void fill_pool(const struct simulation_spec *spec, const struct installation *in,
                      size_t index, struct world_pool *ret)
{
    const struct pool_config *pool = in->pool[index];
    const bool decodes = index > 0 && spec->decode != NULL;
    *ret = (struct world_pool){.profile = decodes ? *spec->decode : spec->profile,
                               .startup = spec->startup,
                               .startup_sigma = spec->startup_sigma,
                               .ttft_s = objective(pool->core.slo.ttft_ns),
                               .ttft_per_token_s = seconds_of(pool->core.slo.ttft_per_token_ns),
                               .itl_s = objective(pool->core.slo.inter_token_ns),
                               .e2e_s = objective(pool->core.slo.e2e_ns)};
    dispatch_config_default(&ret->dispatch);
    installation_dispatch(pool, &ret->dispatch);
    ret->crashes_per_hour = spec->chaos ? CHAOS_CRASHES_PER_HOUR : 0;
    ret->decode_pool = installation_decode_pool(in, index);
    ret->hands_on = ret->decode_pool != SIZE_MAX;
    ret->transfer_ns = spec->transfer_ns;
    ret->transfer_per_token_ns = spec->transfer_per_token_ns;
    ret->scrape_delay_ns = spec->scrape_delay_ns;
    ret->scrape_gaps = spec->scrape_gaps;
    for (size_t i = 0; i < pool->core.class_count; i++)
        if (pool->core.class_[i].kind == CAPACITY_SPOT)
            ret->class_[i] =
                (struct world_class){.interruptions_per_hour = spec->interruptions_per_hour,
                                     .notice_ns = spec->notice_ns};
}

/* What is still open so long after the last arrival is a miss. A target that does not say how many
 * GPUs a replica has costs what the profile was measured on. */
static void finish_result(const struct simulation_spec *spec, const struct reconcile_pool *pool,
                          struct world_result *result)
{
    if (result->requests > 0)
        result->attainment = (double)result->good / (double)result->requests;
    if (!(pool->gpus_each > 0))
        result->gpu_hours = result->replica_seconds / 3600 * (double)spec->profile.gpus;
}

static enum rc pin(struct world *world, const char *pool, int64_t count, struct diag *diag)
{
    const struct event event = {.kind = EVENT_PIN,
                                .pool = pool,
                                .count = count,
                                .until_wall_ns = TIME_NONE,
                                .text = "plan"};
    return world_event(world, &event, diag);
}

/* The configuration with half the maximum, for a change in flight. */
static enum rc halve(const struct simulation_spec *spec, struct config *config,
                     struct pool_config *ret_pool[PAIR], struct installation **ret,
                     struct diag *diag)
{
    const struct pool_config *pool = spec->config->pool[0];
    struct pool_config *copy = mem_new(1, sizeof(*copy));
    if (copy == NULL)
        return fail(diag, RC_NO_MEMORY, "no memory left");
    *copy = *pool;
    const int64_t half = pool->core.replicas_max / 2;
    copy->core.replicas_max = half > pool->core.replicas_min ? half : pool->core.replicas_min;
    *config = *spec->config;
    ret_pool[0] = copy;
    ret_pool[1] = spec->config->pool_count > 1 ? spec->config->pool[1] : NULL;
    config->pool = ret_pool;
    return installation_make(config, ret, diag);
}

/* Where faults come from: drawn from the seed, or known. */
struct fate {
    bool drawn;
    struct chaos chaos;
    struct fault_walk walk;
};

static void fate_init(struct fate *fate, const struct simulation_spec *spec)
{
    *fate = (struct fate){.drawn = spec->chaos};
    if (fate->drawn)
        chaos_init(&fate->chaos, spec->seed);
    else
        faults_begin(&fate->walk, spec->faults);
}

static bool fate_next(struct fate *fate, struct chaos_change *ret)
{
    if (!fate->drawn)
        return faults_next(&fate->walk, ret);
    *ret = chaos_next(&fate->chaos);
    return true;
}

/* Faults until the last request came. */
static enum rc play_faults(const struct simulation_spec *spec, const struct installation *in,
                           struct world *world, int64_t *ret_count, struct diag *diag)
{
    struct config config;
    struct pool_config *pool[PAIR] = {NULL};
    struct installation *other = NULL;
    struct fate fate;
    struct chaos_change change;
    fate_init(&fate, spec);
    enum rc rc = halve(spec, &config, pool, &other, diag);
    while (rc == RC_OK && world_arrives(world) && fate_next(&fate, &change)) {
        rc = world_follow(world, change.at_ns);
        if (!world_arrives(world))
            break;
        (*ret_count)++;
        if (rc == RC_OK && change.fault == CHAOS_RELOAD)
            rc = world_configure(world, change.begins ? &other->spec : &in->spec);
        else if (rc == RC_OK)
            world_trouble(world, 0, &change);
    }
    if (rc == RC_OK)
        rc = world_finish(world, SIMULATION_REST_NS);
    if (rc == RC_OK)
        rc = world_configure(world, &in->spec); /* the other one goes now */
    installation_free(other);
    free(pool[0]);
    return rc;
}

/* The plan, minute by minute, then whatever is left. */
static enum rc play(const struct simulation_spec *spec, const struct installation *in,
                    struct world *world, int64_t *ret_faults, struct diag *diag)
{
    const char *pool = spec->config->pool[0]->core.name;
    enum rc rc = RC_OK;
    if (spec->chaos || spec->faults != NULL)
        return play_faults(spec, in, world, ret_faults, diag);
    for (size_t i = 0; i < spec->plan_count && rc == RC_OK; i++) {
        if (i == 0 || spec->plan[i] != spec->plan[i - 1])
            rc = pin(world, pool, spec->plan[i], diag);
        if (rc == RC_OK)
            rc = world_run(world, (int64_t)(i + 1) * WORLD_MINUTE_NS);
    }
    return rc == RC_OK ? world_finish(world, SIMULATION_REST_NS) : rc;
}

static enum rc keep_minutes(const struct world *world, struct simulation_result *ret)
{
    const struct world_minute *minute = world_minutes(world, &ret->minute_count);
    ret->minute = mem_new(ret->minute_count, sizeof(*ret->minute));
    if (ret->minute == NULL)
        return RC_NO_MEMORY;
    for (size_t i = 0; i < ret->minute_count; i++)
        ret->minute[i] = minute[i];
    return RC_OK;
}

static enum rc keep_changes(const struct world *world, struct simulation_result *ret)
{
    const struct world_change *change = world_changes(world, &ret->change_count);
    ret->change = mem_new(ret->change_count + 1, sizeof(*ret->change));
    if (ret->change == NULL)
        return RC_NO_MEMORY;
    for (size_t i = 0; i < ret->change_count; i++)
        ret->change[i] = change[i];
    return RC_OK;
}

/* A result of a part must not be taken for the whole. */
static enum rc check_run(const struct simulation_spec *spec, const struct world *world,
                         struct diag *diag)
{
    char startup[DURATION_TEXT_MAX];
    char span[DURATION_TEXT_MAX];
    const enum rc rc = feed_error(spec->feed, diag);
    if (rc != RC_OK)
        return rc;
    const int64_t startup_ns = startup_total_ns(&spec->startup);
    if (startup_ns <= world_now_ns(world))
        return RC_OK;
    duration_print(startup_ns, startup);
    duration_print(world_now_ns(world), span);
    return fail(diag, RC_RANGE,
                "a start-up time of %s is longer than the whole run of %s: no replica that is "
                "started would ever serve",
                startup, span);
}

enum rc simulation_run(const struct simulation_spec *spec, struct simulation_result *ret,
                       struct diag *diag)
{
    struct installation *in = NULL;
    struct world_pool pool[PAIR];
    const int64_t initial[PAIR] = {spec->initial, spec->initial};
    enum rc rc = installation_make(spec->config, &in, diag);
    if (rc != RC_OK)
        return rc;
    for (size_t i = 0; i < in->pool_count && i < PAIR; i++)
        fill_pool(spec, in, i, &pool[i]);
    const struct world_spec world_spec = {.control = &in->spec,
                                          .pool = pool,
                                          .pool_count = in->pool_count,
                                          .gpus = INFINITY,
                                          .seed = spec->seed,
                                          .again = spec->chaos || spec->faults != NULL,
                                          .initial = initial,
                                          .score_from_ns = spec->score_from_ns,
                                          .next = next_row,
                                          .source = spec->feed};
    struct world *world = world_new(&world_spec);
    int64_t faults = 0;
    rc = world == NULL ? RC_NO_MEMORY : play(spec, in, world, &faults, diag);
    if (rc == RC_OK)
        rc = check_run(spec, world, diag);
    else
        (void)fail(diag, rc, "the run ended early: %s", rc_words(rc));
    if (rc == RC_OK) {
        *ret = (struct simulation_result){.simulated_seconds = seconds_of(world_now_ns(world)),
                                          .faults = faults};
        world_result(world, &ret->world);
        finish_result(spec, &in->spec.group[0].pool[0], &ret->world);
        (void)span_copy(span_from(world_violation(world)), ret->violation, sizeof(ret->violation));
        if (spec->minutes)
            rc = keep_minutes(world, ret);
        if (rc == RC_OK && spec->changes)
            rc = keep_changes(world, ret);
    }
    world_free(world);
    installation_free(in);
    return rc;
}

static void print_quantiles(struct json_writer *w, const char *name, const struct histogram *h)
{
    json_key(w, name);
    json_object(w);
    json_member_number(w, "p50", 1000 * histogram_quantile(h, 0.5));
    json_member_number(w, "p95", 1000 * histogram_quantile(h, 0.95));
    json_member_number(w, "p99", 1000 * histogram_quantile(h, 0.99));
    json_object_end(w);
}

static void print_hash(struct json_writer *w, const char *name, uint64_t hash)
{
    char text[20];
    (void)snprintf(text, sizeof(text), "%016llx", (unsigned long long)hash);
    json_member_text(w, name, text);
}

void simulation_print(const struct simulation_spec *spec, const struct simulation_result *result,
                      struct json_writer *w)
{
    const struct world_result *r = &result->world;
    json_member_text(w, "policy",
                     spec->label != NULL ? spec->label : spec->config->pool[0]->core.policy->name);
    json_member_bool(w, "synthesised", feed_synthesised(spec->feed));
    json_member_int(w, "seed", (int64_t)spec->seed);
    json_member_text(w, "version", SLUICE_VERSION);
    print_hash(w, "configHash", spec->config->hash);
    print_hash(w, "decisionHash", r->decision_hash);
    json_member_int(w, "requests", r->requests);
    json_member_int(w, "lost", r->lost);
    json_member_int(w, "ok", r->ok);
    json_member_int(w, "failed", r->failed);
    json_member_int(w, "refused", r->refused);
    json_member_int(w, "open", r->open);
    json_member_number(w, "attainment", r->attainment);
    json_member_number(w, "worstWindowAttainment", r->worst_window_attainment);
    json_member_number(w, "gpuHours", r->gpu_hours);
    json_member_number(w, "cost", r->cost); /* null where a class has no price */
    json_member_number(w, "replicaSeconds", r->replica_seconds);
    json_member_int(w, "replicaStarts", r->replica_starts);
    json_member_int(w, "replicasMost", r->replicas_most);
    json_member_int(w, "scaleUps", r->scale_ups);
    json_member_int(w, "scaleDowns", r->scale_downs);
    json_member_int(w, "reversals", r->reversals);
    json_member_int(w, "ticks", r->ticks);
    print_quantiles(w, "ttftMs", &r->ttft_s);
    print_quantiles(w, "interTokenMs", &r->itl_s);
    print_quantiles(w, "e2eMs", &r->e2e_s);
    json_member_number(w, "simulatedSeconds", result->simulated_seconds);
    if (spec->chaos || spec->faults != NULL)
        json_member_int(w, "faults", result->faults);
    if (result->violation[0] != '\0')
        json_member_text(w, "violation", result->violation);
}
