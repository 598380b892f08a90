#include "sim/scenario.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/num.h"
#include "sim/scenario_internal.h"

void play_complain(struct play *p, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    buf_printf(p->report, "%s: %s\n", p->scenario->file, text);
    p->ok = false;
}

/* ---- configuration ---- */

static bool take_config(struct play *p, const struct tree *source, bool wanted)
{
    struct problem_list problems;
    struct span text = {0};
    struct diag diag = {0};
    problem_list_init(&problems);
    (void)tree_string(source, &text);
    struct config *config = config_read("config.yaml", text, NULL, &problems);
    for (size_t i = 0; config == NULL && wanted && i < problems.count; i++)
        play_complain(p, "config line %u: %s: %s", problems.item[i].line, problems.item[i].path,
                      problems.item[i].text);
    problem_list_done(&problems);
    if (config == NULL)
        return false;
    p->config[p->config_count] = config;
    if (installation_make(config, &p->installation[p->config_count], &diag) != RC_OK) {
        play_complain(p, "config: %s: %s", diag.where, diag.text);
        config_free(config);
        return false;
    }
    p->config_count++;
    return true;
}

static double objective(int64_t ns)
{
    return ns == 0 ? NAN : seconds_of(ns);
}

static bool fill_pool(struct play *p, size_t index)
{
    const struct pool_config *config = p->installation[0]->pool[index];
    const struct scenario_engine *engine = &p->engine[index];
    struct world_pool *pool = &p->pool[index];
    struct diag diag = {0};
    if (profile_preset(span_from(engine->profile), &pool->profile, &diag) != RC_OK) {
        play_complain(p, "engines.%s: %s", config->core.name, diag.text);
        return false;
    }
    if (engine->sequences > 0)
        pool->profile.sequences_max = engine->sequences;
    if (engine->kv_tokens > 0)
        pool->profile.kv_tokens = (int64_t)engine->kv_tokens;
    pool->startup = startup_of_total(engine->startup_ns);
    pool->startup_sigma = engine->spread;
    dispatch_config_default(&pool->dispatch);
    installation_dispatch(config, &pool->dispatch);
    pool->ttft_s = objective(config->core.slo.ttft_ns);
    pool->ttft_per_token_s = seconds_of(config->core.slo.ttft_per_token_ns);
    pool->itl_s = objective(config->core.slo.inter_token_ns);
    pool->e2e_s = objective(config->core.slo.e2e_ns);
    pool->refused = engine->refused;
    pool->failed = engine->failed;
    pool->never_ready = engine->never_ready;
    pool->slow = engine->slow;
    pool->crashes_per_hour = engine->crashes_per_hour;
    pool->transfer_ns = engine->transfer_ns;
    pool->transfer_per_token_ns = engine->transfer_per_token_ns;
    pool->scrape_delay_ns = engine->scrape_delay_ns;
    pool->scrape_gaps = engine->scrape_gaps;
    pool->decode_pool = installation_decode_pool(p->installation[0], index);
    pool->hands_on = pool->decode_pool != SIZE_MAX;
    return true;
}

static bool read_engine(struct play *p, const struct tree *source, size_t index)
{
    struct problem_list problems;
    struct reader r;
    problem_list_init(&problems);
    reader_init(&r, &problems, p->scenario->file, "engines");
    scenario_engine_read(&r, source, &p->engine[index]);
    (void)scenario_classes_read(&r, p->engine[index].classes_source,
                                &p->installation[0]->pool[index]->core, p->pool[index].class_);
    for (size_t i = 0; i < problems.count; i++)
        play_complain(p, "line %u: %s: %s", problems.item[i].line, problems.item[i].path,
                      problems.item[i].text);
    problem_list_done(&problems);
    return p->ok && fill_pool(p, index);
}

int play_pool(const struct play *p, struct span name)
{
    for (size_t i = 0; i < p->pool_count; i++)
        if (span_equal_text(name, p->installation[0]->pool[i]->core.name))
            return (int)i;
    return -1;
}

static bool fill_pools(struct play *p)
{
    p->pool_count = p->installation[0]->pool_count;
    p->pool = mem_new(p->pool_count, sizeof(*p->pool));
    p->engine = mem_new(p->pool_count, sizeof(*p->engine));
    p->initial = mem_new(p->pool_count, sizeof(*p->initial));
    if (p->pool == NULL || p->engine == NULL || p->initial == NULL)
        return false;
    const struct scenario *s = p->scenario;
    for (size_t i = 0; i < p->pool_count; i++) {
        const char *name = p->installation[0]->pool[i]->core.name;
        p->engine[i] = (struct scenario_engine){.profile = "8b", .startup_ns = 30 * SECOND_NS};
        const struct tree *source = tree_get(s->engines_source, name);
        if (!(source == NULL ? fill_pool(p, i) : read_engine(p, source, i)))
            return false;
        (void)tree_int(tree_get(s->initial_source, name), &p->initial[i]);
    }
    return true;
}

/* ---- arrivals ---- */

static bool start_loads(struct play *p, uint64_t seed)
{
    for (size_t i = 0; i < p->scenario->load_count; i++) {
        const struct scenario_load *load = &p->scenario->load[i];
        const struct pattern_spec spec = {.kind = (enum pattern_kind)load->pattern,
                                          .rate_per_s = load->rate,
                                          .peak = load->peak,
                                          .on_share = load->share,
                                          .period_ns = load->period_ns,
                                          .duration_ns = load->for_ns,
                                          .input_mean = load->input,
                                          .output_mean = load->output,
                                          .length_sigma = load->sigma,
                                          .seed = hash_u64(seed, i)};
        struct diag diag = {0};
        if (play_pool(p, span_from(load->pool)) < 0) {
            play_complain(p, "loads[%zu]: there is no pool \"%s\"", i, load->pool);
            return false;
        }
        if (pattern_init(&p->pattern[i], &spec, &diag) != RC_OK) {
            play_complain(p, "loads[%zu]: %s", i, diag.text);
            return false;
        }
        p->left[i] = pattern_next(&p->pattern[i], &p->row[i]);
    }
    return true;
}

static bool next_arrival(void *source, struct world_arrival *ret)
{
    struct play *p = source;
    size_t first = SIZE_MAX;
    int64_t first_ns = INT64_MAX;
    for (size_t i = 0; i < p->scenario->load_count; i++) {
        const int64_t at_ns = p->scenario->load[i].from_ns + p->row[i].arrival_ns;
        if (p->left[i] && at_ns < first_ns) {
            first = i;
            first_ns = at_ns;
        }
    }
    if (first == SIZE_MAX)
        return false;
    const struct scenario_load *load = &p->scenario->load[first];
    *ret = (struct world_arrival){
        .at_ns = first_ns,
        .pool = (size_t)play_pool(p, span_from(load->pool)),
        .prompt_tokens = p->row[first].input_tokens,
        .output_tokens = p->row[first].output_tokens,
        .key = load->keys > 0 ? 1 + p->arrivals % (uint64_t)load->keys : 0,
        .priority = load->priority < 0 ? UINT32_MAX : (uint32_t)load->priority};
    p->arrivals++;
    p->left[first] = pattern_next(&p->pattern[first], &p->row[first]);
    return true;
}

/* ---- steps ---- */

static void operate(struct play *p, const struct scenario_step *step, enum event_kind kind,
                    int64_t count)
{
    const int64_t wall_ns =
        WORLD_WALL_BEGIN_NS + world_now_ns(p->world); /* jumps are not told to operators */
    const struct event event = {.kind = kind,
                                .up = step->verb == VERB_PAUSE || step->verb == VERB_BUDGET_LOST,
                                .money = NAN,
                                .pool = step->pool,
                                .count = count,
                                .next_count = NO_COUNT,
                                .next_wall_ns = TIME_NONE,
                                .until_wall_ns =
                                    step->for_ns == 0 ? TIME_NONE : wall_ns + step->for_ns,
                                .text = "a step of the scenario"};
    struct diag diag = {0};
    if (world_event(p->world, &event, &diag) != RC_OK)
        play_complain(p, "%s", diag.text);
}

static void reload(struct play *p, const struct scenario_step *step)
{
    const bool wanted = step->verb == VERB_RELOAD;
    const bool taken = take_config(p, step->config_source, wanted);
    if (taken && !wanted)
        play_complain(p, "a configuration that must be refused was taken");
    else if (taken &&
             world_configure(p->world, &p->installation[p->config_count - 1]->spec) != RC_OK)
        play_complain(p, "the configuration was not taken");
}

static void storm(struct play *p, const struct scenario_step *step, size_t pool)
{
    const struct pool_spec *spec = &p->installation[0]->pool[pool]->core;
    struct world_storm storm = {.class_ = SIZE_MAX,
                                .share = step->share,
                                .notice_ns = step->notice_ns,
                                .lasts_ns = step->for_ns == 0 ? INT64_MAX : step->for_ns};
    for (size_t i = 0; i < spec->class_count; i++)
        if (strcmp(step->class_, spec->class_[i].name) == 0)
            storm.class_ = i;
    if (step->class_[0] != '\0' && storm.class_ == SIZE_MAX)
        play_complain(p, "pool %s has no class \"%s\"", spec->name, step->class_);
    else
        world_take_back(p->world, pool, &storm);
}

static void take_step(struct play *p, const struct scenario_step *step)
{
    const int pool = play_pool(p, span_from(step->pool));
    if (pool < 0 && step->pool[0] != '\0') {
        play_complain(p, "there is no pool \"%s\"", step->pool);
        return;
    }
    const size_t index = pool < 0 ? 0 : (size_t)pool;
    switch ((enum scenario_verb)step->verb) {
    case VERB_NONE:
        return;
    case VERB_KILL:
        (void)world_kill(p->world, index, step->share);
        return;
    case VERB_FAULT:
        if (read_engine(p, step->engine_source, index))
            world_set_faults(p->world, index, &p->pool[index]);
        return;
    case VERB_SILENCE:
    case VERB_SPEAK:
        world_silence(p->world, step->verb == VERB_SILENCE);
        return;
    case VERB_JUMP_WALL:
        world_jump_wall(p->world, step->by_ns);
        return;
    case VERB_PIN:
    case VERB_UNPIN:
        operate(p, step, EVENT_PIN, step->verb == VERB_PIN ? step->replicas : NO_COUNT);
        return;
    case VERB_PAUSE:
    case VERB_RESUME:
        operate(p, step, EVENT_PAUSE, 0);
        return;
    case VERB_SCHEDULE:
        operate(p, step, EVENT_SCHEDULE, step->replicas);
        return;
    case VERB_FOREIGN:
        operate(p, step, EVENT_FOREIGN, step->replicas);
        return;
    case VERB_BUDGET_LOST:
    case VERB_BUDGET_FOUND:
        operate(p, step, EVENT_MONEY, 0);
        return;
    case VERB_RELOAD:
    case VERB_RELOAD_REFUSED:
        reload(p, step);
        return;
    case VERB_STORM:
        storm(p, step, index);
        return;
    case VERB_METRICS:
        world_set_metrics(p->world, (enum world_metrics)step->metrics);
        return;
    case VERB_GPUS:
        world_set_gpus(p->world, step->gpus);
        return;
    case VERB_LEASE:
    case VERB_LEASE_LOST:
        world_lease(p->world, step->verb == VERB_LEASE,
                    step->for_ns == 0 ? TIME_NONE : step->for_ns);
        return;
    case VERB_STALL:
    case VERB_GO_ON:
        world_stall(p->world, step->verb == VERB_STALL);
        return;
    case VERB_TAKE_OVER:
        if (world_succeed(p->world, step->state_lost) != RC_OK)
            play_complain(p, "nobody took over");
        return;
    }
}

/* ---- a play ---- */

static void run_steps(struct play *p)
{
    const struct scenario *s = p->scenario;
    enum rc rc = RC_OK;
    for (size_t i = 0; i < s->step_count && rc == RC_OK && p->ok; i++) {
        rc = world_run(p->world, s->step[i].at_ns);
        play_expect(p, s->step[i].expect_source);
        take_step(p, &s->step[i]);
    }
    if (rc == RC_OK && p->ok)
        rc = world_run(p->world, s->run_ns);
    if (rc != RC_OK)
        play_complain(p, "the run ended early: %s", rc_words(rc));
    if (p->ok)
        play_expect(p, s->expect_source);
    if (world_violation(p->world)[0] != '\0')
        play_complain(p, "%s", world_violation(p->world));
}

static void finish(struct play *p)
{
    world_free(p->world);
    for (size_t i = 0; i < p->config_count; i++) {
        installation_free(p->installation[i]);
        config_free(p->config[i]);
    }
    free(p->pool);
    free(p->engine);
    free(p->initial);
    free(p);
}

bool scenario_play(const struct scenario *scenario, uint64_t seed, struct buf *report,
                   struct world_result *ret)
{
    struct play *p = mem_new(1, sizeof(*p));
    if (p == NULL)
        return false;
    p->scenario = scenario;
    p->report = report;
    p->ok = true;
    if (take_config(p, scenario->config_source, true) && fill_pools(p) && start_loads(p, seed)) {
        const struct world_spec spec = {.control = &p->installation[0]->spec,
                                        .pool = p->pool,
                                        .pool_count = p->pool_count,
                                        .uptime_ns = scenario->uptime_ns,
                                        .gpus = isnan(scenario->gpus) ? INFINITY : scenario->gpus,
                                        .seed = seed,
                                        .again = true,
                                        .initial = p->initial,
                                        .next = next_arrival,
                                        .source = p};
        p->world = world_new(&spec);
        if (p->world == NULL)
            play_complain(p, "no memory left");
        else
            run_steps(p);
        if (p->world != NULL && ret != NULL)
            world_result(p->world, ret);
    }
    const bool ok = p->ok;
    finish(p);
    return ok;
}
