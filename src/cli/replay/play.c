#include "cli/replay/play.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/num.h"
#include "config/schedule.h"
#include "control/accounts.h"
#include "io/zoneinfo.h"
#include "model/startup.h"
#include "sim/world.h"

#define FIT_ROWS_MIN 3 /* spans of eight busy seconds: fewer are no measurement */
#define SCHEDULE_BYTES_MAX ((size_t)64 << 20)

/* ---- engines ---- */

static bool usable(const struct iteration_time *t)
{
    return t->each > 0 && t->sequence >= 0 && t->context >= 0 && t->prompt >= 0 &&
           isfinite(t->each + t->sequence + t->context + t->prompt);
}

static void put_speed(const struct iteration_time *t, enum play_speed speed,
                      struct play_engine *ret)
{
    ret->profile.iteration_s = t->each;
    ret->profile.sequence_s = t->sequence;
    ret->profile.context_s = t->context;
    ret->profile.prompt_s = t->prompt;
    ret->speed = speed;
}

enum rc play_engine_of(const struct play_engines_spec *spec, const struct recorded_pool *recorded,
                       const struct retake_pool *retaken, struct play_engine *ret,
                       struct diag *diag)
{
    const char *name = spec->profile != NULL ? spec->profile : PLAY_PROFILE;
    *ret = (struct play_engine){
        .speed = spec->profile != NULL ? PLAY_SPEED_ASKED : PLAY_SPEED_ASSUMED,
        .startup_ns = spec->startup_ns > 0 ? spec->startup_ns : recorded->startup_ns,
        .startup_sigma = spec->startup_ns > 0 ? 0 : recorded->startup_sigma};
    const enum rc rc = profile_preset(span_from(name), &ret->profile, diag);
    if (rc != RC_OK)
        return rc;
    if (spec->startup_ns <= 0 && recorded->startup_count == 0) {
        ret->startup_ns = PLAY_STARTUP_NS;
        ret->startup_assumed = true;
    }
    if (spec->profile != NULL || retaken == NULL)
        return RC_OK;
    const struct iteration_time fitted = iteration_fit_time(&retaken->fit);
    if (retaken->has_learned && usable(&retaken->learned))
        put_speed(&retaken->learned, PLAY_SPEED_LEARNED, ret);
    else if (retaken->fit.weight >= FIT_ROWS_MIN && usable(&fitted))
        put_speed(&fitted, PLAY_SPEED_MEASURED, ret);
    return RC_OK;
}

/* ---- arrivals: those of all pools, by time ---- */

struct stream {
    struct recorded_demand demand;
    struct recorded_request next;
    bool open;
    size_t pool; /* of the installation */
};

/* Of one run. */
struct player {
    const struct play_spec *spec;
    struct world *world;
    struct stream *stream;
    size_t stream_count;
    struct account *account; /* by pool of the installation */
    int64_t initial[ROUTED_POOLS_MAX];
    struct arena arena; /* of schedules */
    const struct schedule_set **schedule;
    struct schedule_floor *told;
    struct play *ret;
    enum rc rc;
    struct diag *diag;
};

static bool next_arrival(void *source, struct world_arrival *ret)
{
    struct player *p = source;
    struct stream *first = NULL;
    for (size_t i = 0; i < p->stream_count; i++) {
        struct stream *s = &p->stream[i];
        if (s->open && (first == NULL || s->next.at_ns < first->next.at_ns))
            first = s;
    }
    if (first == NULL)
        return false;
    *ret = (struct world_arrival){.at_ns = first->next.at_ns,
                                  .pool = first->pool,
                                  .prompt_tokens = first->next.prompt_tokens,
                                  .output_tokens = first->next.output_tokens,
                                  .priority = UINT32_MAX};
    first->open = recorded_demand_next(&first->demand, &first->next);
    if (first->demand.rc != RC_OK)
        p->rc = first->demand.rc;
    return true;
}

/* ---- accounts ---- */

static void take_row(void *user, enum store_series series, const char *pool, int64_t wall_ns,
                     struct span json)
{
    struct player *p = user;
    const struct recorded *recorded = p->spec->recorded;
    /* Minutes that nobody recorded are compared with nothing. */
    if (wall_ns < recorded->from_ns || wall_ns >= recorded->to_ns || p->rc != RC_OK)
        return;
    for (size_t i = 0; i < p->ret->count; i++)
        if (strcmp(p->ret->rows[i].pool, pool) == 0 &&
            rows_saw(&recorded->pool[i].rows, wall_ns / MINUTE_NS))
            p->rc = rows_take(&p->ret->rows[i], series, wall_ns, json, p->diag);
}

static void take_bill(void *user, const struct store_bill *bill)
{
    (void)user;
    (void)bill; /* the rows hold the money, too */
}

static bool read_totals(void *user, const char *pool, struct pool_totals *ret)
{
    const struct player *p = user;
    struct pool_status status;
    const struct reconcile *reconcile = world_reconcile(p->world);
    const int index = reconcile_pool_find(reconcile, span_from(pool));
    if (index < 0)
        return false;
    reconcile_pool_status(reconcile, (size_t)index, &status);
    *ret = status.total;
    return true;
}

static struct accounts_out out_of(struct player *p)
{
    return (struct accounts_out){
        .user = p, .row = take_row, .bill = take_bill, .totals = read_totals};
}

static void on_record(void *user, const struct tick_record *record)
{
    struct player *p = user;
    const struct accounts_out out = out_of(p);
    size_t first = 0;
    for (size_t i = 0; i < record->group; i++)
        first += group_pool_count(p->spec->installation->spec.group[i].group);
    for (size_t i = 0; i < group_pool_count(record->spec); i++)
        account_record(&p->account[first + i], record, i, &out);
}

static void close_accounts(struct player *p)
{
    const struct accounts_out out = out_of(p);
    for (size_t i = 0; i < p->spec->installation->pool_count; i++)
        account_close(&p->account[i], &p->spec->installation->pool[i]->core, &out);
}

/* ---- schedules ---- */

static enum rc tell_schedules(struct player *p, int64_t wall_ns)
{
    const struct installation *in = p->spec->installation;
    enum rc rc = RC_OK;
    for (size_t i = 0; i < in->pool_count && rc == RC_OK; i++) {
        if (p->schedule[i] == NULL)
            continue;
        const struct schedule_floor floor = schedule_at(p->schedule[i], wall_ns);
        const struct schedule_floor *told = &p->told[i];
        if (floor.now == told->now && floor.next == told->next && floor.next_ns == told->next_ns)
            continue;
        p->told[i] = floor;
        const struct event event = {.kind = EVENT_SCHEDULE,
                                    .pool = in->pool[i]->core.name,
                                    .count = floor.now,
                                    .next_count = floor.next,
                                    .next_wall_ns = floor.next_ns};
        rc = world_event(p->world, &event, p->diag);
    }
    return rc;
}

/* ---- life of a run ---- */

static double objective(int64_t ns)
{
    return ns == 0 ? (double)NAN : seconds_of(ns);
}

static void fill_pool(const struct play_engine *engine, const struct pool_config *pool,
                      struct world_pool *ret)
{
    *ret = (struct world_pool){.profile = engine->profile,
                               .startup = startup_of_total(engine->startup_ns),
                               .startup_sigma = engine->startup_sigma,
                               .ttft_s = objective(pool->core.slo.ttft_ns),
                               .ttft_per_token_s = seconds_of(pool->core.slo.ttft_per_token_ns),
                               .itl_s = objective(pool->core.slo.inter_token_ns),
                               .e2e_s = objective(pool->core.slo.e2e_ns)};
    dispatch_config_default(&ret->dispatch);
    installation_dispatch(pool, &ret->dispatch);
}

/* Pools that the history knows get its demand and what it says of their engines. */
static enum rc fill_pools(struct player *p, struct world_pool *pool)
{
    const struct installation *in = p->spec->installation;
    const struct recorded *recorded = p->spec->recorded;
    struct play_engine plain = {.startup_ns = PLAY_STARTUP_NS};
    enum rc rc = profile_preset(span_from(PLAY_PROFILE), &plain.profile, p->diag);
    for (size_t i = 0; i < in->pool_count && rc == RC_OK; i++) {
        const char *name = in->pool[i]->core.name;
        const struct recorded_pool *known = recorded_pool(recorded, name);
        account_init(&p->account[i], name, 0, 0);
        rc = schedule_compile(&p->arena, &in->pool[i]->core, zoneinfo_read, NULL, &p->schedule[i],
                              p->diag);
        fill_pool(known == NULL ? &plain : &p->spec->engine[known - recorded->pool], in->pool[i],
                  &pool[i]);
        if (known == NULL)
            continue;
        struct stream *s = &p->stream[p->stream_count++];
        p->initial[i] = num_clamp(known->initial, 0, in->pool[i]->core.replicas_max);
        s->pool = i;
        recorded_demand_init(&s->demand, known->span, known->span_count, p->spec->seed + i);
        s->open = recorded_demand_next(&s->demand, &s->next);
        if (s->demand.rc != RC_OK)
            rc = fail(p->diag, s->demand.rc, "the demand of pool \"%s\": %s", name,
                      rc_words(s->demand.rc));
    }
    return rc;
}

/* The longest that a group goes without a tick: what came last is told by the one after it. */
static int64_t period_ns(const struct player *p)
{
    const struct reconcile_spec *spec = &p->spec->installation->spec;
    int64_t longest_ns = 0;
    for (size_t i = 0; i < spec->group_count; i++) {
        const int64_t each_ns = group_period_ns(spec->group[i].group);
        longest_ns = each_ns > longest_ns ? each_ns : longest_ns;
    }
    return longest_ns;
}

static enum rc walk(struct player *p)
{
    const struct recorded *recorded = p->spec->recorded;
    enum rc rc = RC_OK;
    for (int64_t at_ns = recorded->begin_ns; at_ns < recorded->to_ns && rc == RC_OK;) {
        const int64_t minute_ns = (at_ns / MINUTE_NS + 1) * MINUTE_NS;
        const int64_t next_ns = minute_ns < recorded->to_ns ? minute_ns : recorded->to_ns;
        rc = tell_schedules(p, at_ns);
        if (rc != RC_OK)
            return rc;
        rc = world_run(p->world, next_ns - recorded->begin_ns +
                                     (next_ns == recorded->to_ns ? period_ns(p) : 0));
        at_ns = next_ns;
        rc = rc == RC_OK ? p->rc : rc;
        if (rc != RC_OK)
            return fail(p->diag, rc, "the simulation ended early: %s", rc_words(rc));
    }
    close_accounts(p);
    if (p->rc == RC_OK && world_violation(p->world)[0] != '\0')
        return fail(p->diag, RC_STATE, "a rule is broken in the simulation: %s",
                    world_violation(p->world));
    return p->rc;
}

static enum rc make_room(struct player *p, struct diag *diag)
{
    const struct recorded *recorded = p->spec->recorded;
    const size_t n = p->spec->installation->pool_count;
    p->stream = mem_new(n + 1, sizeof(*p->stream));
    p->account = mem_new(n + 1, sizeof(*p->account));
    p->schedule = mem_new(n + 1, sizeof(struct schedule_set *));
    p->told = mem_new(n + 1, sizeof(*p->told));
    p->ret->rows = mem_new(recorded->pool_count + 1, sizeof(*p->ret->rows));
    if (p->stream == NULL || p->account == NULL || p->schedule == NULL || p->told == NULL ||
        p->ret->rows == NULL)
        return fail(diag, RC_NO_MEMORY, "no memory left");
    for (size_t i = 0; i < n; i++)
        p->told[i] = (struct schedule_floor){NO_COUNT, NO_COUNT, TIME_NONE};
    p->ret->count = recorded->pool_count;
    for (size_t i = 0; i < recorded->pool_count; i++)
        memcpy(p->ret->rows[i].pool, recorded->pool[i].rows.pool, NAME_SIZE);
    return RC_OK;
}

static enum rc run_world(struct player *p, struct world_pool *pool)
{
    const struct play_spec *spec = p->spec;
    const struct world_spec world = {.control = &spec->installation->spec,
                                     .pool = pool,
                                     .pool_count = spec->installation->pool_count,
                                     .gpus = spec->gpus,
                                     .seed = spec->seed,
                                     .initial = p->initial,
                                     .next = next_arrival,
                                     .source = p,
                                     .record = on_record,
                                     .record_user = p};
    enum rc rc = fill_pools(p, pool);
    if (rc != RC_OK)
        return rc;
    p->world = world_new(&world);
    if (p->world == NULL)
        return fail(p->diag, RC_NO_MEMORY, "no memory left");
    world_jump_wall(p->world, spec->recorded->begin_ns - WORLD_WALL_BEGIN_NS);
    rc = walk(p);
    if (rc == RC_OK) {
        struct world_result result;
        world_result(p->world, &result);
        p->ret->decision_hash = result.decision_hash;
        p->ret->seconds = seconds_of(world_now_ns(p->world));
        for (size_t i = 0; i < p->ret->count; i++)
            rows_sort(&p->ret->rows[i]);
    }
    return rc;
}

enum rc play_run(const struct play_spec *spec, struct play *ret, struct diag *diag)
{
    struct player *p = mem_new(1, sizeof(*p));
    struct world_pool *pool = mem_new(spec->installation->pool_count + 1, sizeof(*pool));
    *ret = (struct play){.count = 0};
    enum rc rc = fail(diag, RC_NO_MEMORY, "no memory left");
    if (p != NULL && pool != NULL) {
        *diag = (struct diag){.code = RC_OK};
        p->spec = spec;
        p->ret = ret;
        p->diag = diag;
        arena_init(&p->arena, SCHEDULE_BYTES_MAX);
        rc = make_room(p, diag);
        if (rc == RC_OK)
            rc = run_world(p, pool);
        world_free(p->world);
        for (size_t i = 0; i < p->stream_count; i++)
            recorded_demand_done(&p->stream[i].demand);
        arena_done(&p->arena);
        free(p->stream);
        free(p->account);
        free(p->schedule);
        free(p->told);
    }
    free(pool);
    free(p);
    if (rc != RC_OK)
        play_done(ret);
    return rc;
}

void play_done(struct play *play)
{
    for (size_t i = 0; i < play->count; i++)
        rows_done(&play->rows[i]);
    free(play->rows);
    *play = (struct play){.count = 0};
}
