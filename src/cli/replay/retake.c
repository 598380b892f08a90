#include "cli/replay/retake.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/tree.h"
#include "config/schedule.h"
#include "core/policy.h"
#include "io/zoneinfo.h"
#include "store/replay.h"

#define ARENA_BYTES_MAX ((size_t)256 << 20)
#define ARRIVAL_GAP_NS (10 * SECOND_NS)
#define RETAKE_GAP_NS (10 * MINUTE_NS) /* a log with a longer hole is begun again behind it */

/* A group under the other configuration. */
struct taker {
    const struct group_spec *group;
    struct group_state *state; /* NULL until its first tick */
    int64_t now_ns;            /* of its last tick */
    const struct schedule_set *schedule[POOLS_PER_GROUP_MAX];
};

struct run {
    const struct retake_spec *spec;
    struct retake *ret;
    struct taker *taker;
    size_t taker_count;
    struct arena arena;     /* of a tick */
    struct arena schedules; /* of the whole run */
    uint64_t config_hash;
    struct observation observation;
    struct decision decision[POOLS_PER_GROUP_MAX];
    enum rc rc;
    struct diag *diag;
};

const struct retake_pool *retake_pool(const struct retake *retake, const char *name)
{
    for (size_t i = 0; i < retake->pool_count; i++)
        if (strcmp(retake->pool[i].name, name) == 0)
            return &retake->pool[i];
    return NULL;
}

void retake_done(struct retake *retake)
{
    for (size_t i = 0; i < retake->pool_count; i++) {
        buf_done(&retake->pool[i].recorded.words);
        buf_done(&retake->pool[i].other.words);
        free(retake->pool[i].arrived);
    }
    free(retake->pool);
    buf_done(&retake->why);
    *retake = (struct retake){.pool_count = 0};
}

static struct retake_pool *pool_of(struct run *run, const char *name)
{
    struct retake *ret = run->ret;
    for (size_t i = 0; i < ret->pool_count; i++)
        if (strcmp(ret->pool[i].name, name) == 0)
            return &ret->pool[i];
    run->rc = mem_grow((void **)&ret->pool, &ret->pool_cap, ret->pool_count + 1, sizeof(*ret->pool),
                       ROUTED_POOLS_MAX);
    if (run->rc != RC_OK)
        return NULL;
    struct retake_pool *pool = &ret->pool[ret->pool_count++];
    *pool = (struct retake_pool){.room = NO_COUNT};
    (void)span_copy(span_from(name), pool->name, sizeof(pool->name));
    buf_init(&pool->recorded.words, RETAKE_WORDS_MAX);
    buf_init(&pool->other.words, RETAKE_WORDS_MAX);
    iteration_fit_init(&pool->fit, NULL);
    return pool;
}

/* ---- what the ticks measured of the engines ---- */

static const struct {
    enum signal_id signal;
    size_t offset;
} works[] = {
    {SIGNAL_BUSY_REPLICAS, offsetof(struct iteration_work, busy_s)},
    {SIGNAL_ITERATIONS_PER_SECOND, offsetof(struct iteration_work, iterations)},
    {SIGNAL_DECODED_TOKENS_PER_SECOND, offsetof(struct iteration_work, decoded)},
    {SIGNAL_CONTEXT_TOKENS_PER_SECOND, offsetof(struct iteration_work, context)},
    {SIGNAL_COMPUTED_TOKENS_PER_SECOND, offsetof(struct iteration_work, prompts)},
};

static void learn_sample(struct iteration_work *work, const struct sample *sample)
{
    for (size_t i = 0; i < COUNT_OF(works); i++)
        if (sample->signal == works[i].signal && sample->state == SIGNAL_VALUE) {
            void *amount = (unsigned char *)work + works[i].offset;
            *(double *)amount += sample->value;
        }
}

/* A policy that learns says what it holds of the engine among its terms. */
static void learn_terms(const struct replay_tick *seen, size_t index, struct retake_pool *pool)
{
    const struct pool_spec *spec = group_pool(seen->group, index);
    struct policy_term term[POLICY_TERMS_MAX];
    if (spec->policy->terms == NULL)
        return;
    const size_t count = spec->policy->terms(
        spec, spec->policy_config, group_policy_state(seen->group, seen->state, index), term);
    for (size_t i = 0; i < count; i++)
        if (term[i].reason == REASON_PANEL_MODEL) {
            const double *n = term[i].number;
            pool->has_learned = true;
            pool->learned = (struct iteration_time){n[0] / 1e3, n[1] / 1e3, n[2] / 1e6, n[3] / 1e6};
        }
}

/* What came since the tick before; after a hole nobody knows since when. */
static enum rc learn_arrivals(const struct run *run, const struct replay_tick *seen, size_t index,
                              struct retake_pool *pool, const struct sample *sample, size_t count)
{
    const int64_t wall_ns = seen->tick->wall_ns;
    const int64_t since_ns = wall_ns - pool->last_ns;
    struct spread_tick tick = {
        .from_ns = wall_ns -
                   (since_ns > 0 && since_ns < ARRIVAL_GAP_NS ? since_ns : ARRIVAL_GAP_NS) -
                   run->spec->begin_ns,
        .to_ns = wall_ns - run->spec->begin_ns};
    pool->last_ns = wall_ns;
    for (size_t i = 0; i < count; i++) {
        if (sample[i].pool != index || sample[i].state != SIGNAL_VALUE)
            continue;
        tick.requests += sample[i].signal == SIGNAL_REQUESTS_PER_SECOND ? sample[i].value : 0;
        tick.prompt_tokens +=
            sample[i].signal == SIGNAL_PROMPT_TOKENS_PER_SECOND ? sample[i].value : 0;
    }
    if (!(tick.requests > 0))
        return RC_OK;
    const enum rc rc =
        mem_grow((void **)&pool->arrived, &pool->arrived_cap, pool->arrived_count + 1,
                 sizeof(*pool->arrived), STORE_TICKS_MAX + STORE_CHANGES_MAX);
    if (rc == RC_OK)
        pool->arrived[pool->arrived_count++] = tick;
    return rc;
}

static void learn(struct run *run, const struct replay_tick *seen, const struct sample *sample,
                  size_t count)
{
    for (size_t i = 0; i < group_pool_count(seen->group); i++) {
        struct retake_pool *pool = pool_of(run, group_pool(seen->group, i)->name);
        struct iteration_work work = {.busy_s = 0};
        if (pool == NULL)
            return;
        for (size_t k = 0; k < count; k++)
            if (sample[k].pool == i)
                learn_sample(&work, &sample[k]);
        iteration_fit_add(&pool->fit, &work);
        if (pool->first_ns == 0) {
            pool->first_ns = seen->tick->wall_ns;
            pool->first_ready = seen->observation->pool[i].ready;
        }
        learn_terms(seen, i, pool);
        run->rc = learn_arrivals(run, seen, i, pool, sample, count);
        if (run->rc != RC_OK)
            return;
        if (seen->observation->pool[i].inventory_limit > pool->room)
            pool->room = seen->observation->pool[i].inventory_limit;
    }
}

/* ---- the other configuration ---- */

static struct taker *taker_of(struct run *run, const char *group)
{
    for (size_t i = 0; i < run->taker_count; i++)
        if (strcmp(group_name(run->taker[i].group), group) == 0)
            return &run->taker[i];
    return NULL;
}

/* It takes over what was known then, as after a reload. */
static enum rc take_over(struct run *run, struct taker *taker, const struct replay_tick *seen)
{
    const size_t size = group_state_size(seen->group);
    if (taker->state == NULL)
        taker->state = mem_new(1, group_state_size(taker->group));
    struct group_state *before = mem_new(1, size);
    if (taker->state == NULL || before == NULL || seen->tick->state.len > size) {
        free(before);
        return RC_NO_MEMORY;
    }
    memcpy(before, seen->tick->state.ptr, seen->tick->state.len);
    memset(taker->state, 0, group_state_size(taker->group));
    group_reshape(seen->group, before, taker->group, taker->state, seen->observation->now_ns);
    free(before);
    run->ret->begun++;
    return RC_OK;
}

/* Samples of signals that only the recorded one has are left out. */
static enum rc read_samples(struct run *run, const struct group_spec *group, struct span text,
                            int64_t *unread, struct sample **ret, size_t *ret_count)
{
    const struct tree *list = NULL;
    const enum rc rc = json_read(&run->arena, text, NULL, &list, run->diag);
    if (rc != RC_OK)
        return rc;
    struct sample *sample = arena_array(&run->arena, list->count + 1, sizeof(*sample));
    size_t n = 0;
    if (sample == NULL)
        return RC_NO_MEMORY;
    for (const struct tree *t = list->first; t != NULL; t = t->next) {
        if (sample_parse(group, t, &sample[n], NULL) == RC_OK)
            n++;
        else
            ++*unread;
    }
    *ret = sample;
    *ret_count = n;
    return RC_OK;
}

/* What the other configuration's own schedules say at that time. */
static void put_schedules(const struct taker *taker, struct observation *o)
{
    for (size_t i = 0; i < group_pool_count(taker->group); i++) {
        const struct schedule_floor floor = schedule_at(taker->schedule[i], o->wall_ns);
        o->pool[i].schedule_now = floor.now;
        o->pool[i].schedule_next = floor.next;
        o->pool[i].schedule_next_ns = floor.next_ns;
    }
}

static void put_words(const struct group_spec *group, size_t pool, const struct decision *decision,
                      struct retake_side *ret)
{
    const uint32_t count =
        decision->trail_count < TRAIL_MAX ? decision->trail_count : (uint32_t)TRAIL_MAX;
    ret->replicas = decision->desired;
    for (uint32_t i = 0; i < count; i++) {
        const struct trail_entry *entry = &decision->trail[i];
        buf_printf(&ret->words, "%s %d -> %d  ", stage_name((enum stage_id)entry->stage),
                   (int)entry->before, (int)entry->after);
        trail_words(group, pool, entry, &ret->words);
        buf_byte(&ret->words, '\n');
    }
}

static int pool_index(const struct group_spec *group, const char *name)
{
    for (size_t i = 0; i < group_pool_count(group); i++)
        if (strcmp(group_pool(group, i)->name, name) == 0)
            return (int)i;
    return -1;
}

static void compare(struct run *run, struct taker *taker, const struct replay_tick *seen)
{
    for (size_t i = 0; i < group_pool_count(seen->group); i++) {
        const char *name = group_pool(seen->group, i)->name;
        const int other = pool_index(taker->group, name);
        struct retake_pool *pool = pool_of(run, name);
        if (other < 0 || pool == NULL)
            continue;
        const struct decision *now = &run->decision[other];
        const bool same = now->desired == seen->decision[i].desired;
        if (seen->tick->wall_ns < run->spec->from_ns)
            continue;
        pool->ticks++;
        pool->different += !same;
        if (same || pool->differs)
            continue;
        pool->differs = true;
        pool->seq = seen->tick->seq;
        pool->wall_ns = seen->tick->wall_ns;
        put_words(seen->group, i, &seen->decision[i], &pool->recorded);
        put_words(taker->group, (size_t)other, now, &pool->other);
    }
}

static enum rc take_tick(struct run *run, const struct replay_tick *seen)
{
    struct taker *taker = taker_of(run, seen->tick->group);
    const struct tree *json = NULL;
    struct sample *sample = NULL;
    size_t count = 0;
    if (taker == NULL)
        return RC_OK;
    const int64_t now_ns = seen->observation->now_ns;
    enum rc rc = RC_OK;
    if (taker->state == NULL || now_ns - taker->now_ns > RETAKE_GAP_NS)
        rc = take_over(run, taker, seen);
    if (rc == RC_OK)
        rc = read_samples(run, taker->group, seen->tick->samples, &run->ret->unread, &sample,
                          &count);
    if (rc == RC_OK)
        rc = json_read(&run->arena, seen->tick->observation, NULL, &json, run->diag);
    if (rc == RC_OK)
        rc = observation_parse(taker->group, json, &run->observation, run->diag);
    if (rc != RC_OK)
        return rc;
    put_schedules(taker, &run->observation);
    observe(taker->group, taker->state, sample, count);
    decide(taker->group, taker->state, &run->observation, run->decision);
    taker->now_ns = now_ns;
    compare(run, taker, seen);
    return RC_OK;
}

/* ---- the walk ---- */

static bool on_tick(void *context, const struct replay_tick *seen)
{
    struct run *run = context;
    struct retake *ret = run->ret;
    struct sample *sample = NULL;
    size_t count = 0;
    int64_t unread = 0;
    if (run->config_hash != seen->tick->config_hash)
        ret->configs++;
    run->config_hash = seen->tick->config_hash;
    if (!seen->same && ret->why.len == 0)
        buf_printf(&ret->why, "tick %lld of group %s: %s", (long long)seen->tick->seq,
                   seen->tick->group, seen->what);
    if (seen->group == NULL)
        return true;
    arena_clear(&run->arena);
    run->rc = read_samples(run, seen->group, seen->tick->samples, &unread, &sample, &count);
    if (run->rc == RC_OK)
        learn(run, seen, sample, count);
    if (run->rc == RC_OK)
        run->rc = take_tick(run, seen);
    if (run->rc != RC_OK)
        diag_at(run->diag, "tick %lld", (long long)seen->tick->seq);
    return run->rc == RC_OK;
}

static enum rc make_takers(struct run *run, struct diag *diag)
{
    const struct installation *other = run->spec->other;
    if (other == NULL)
        return RC_OK;
    run->taker = mem_new(other->spec.group_count, sizeof(*run->taker));
    if (run->taker == NULL)
        return fail(diag, RC_NO_MEMORY, "no memory left");
    run->taker_count = other->spec.group_count;
    for (size_t i = 0; i < run->taker_count; i++) {
        struct taker *taker = &run->taker[i];
        taker->group = other->spec.group[i].group;
        for (size_t k = 0; k < group_pool_count(taker->group); k++) {
            const enum rc rc = schedule_compile(&run->schedules, group_pool(taker->group, k),
                                                zoneinfo_read, NULL, &taker->schedule[k], diag);
            if (rc != RC_OK)
                return rc;
        }
    }
    return RC_OK;
}

enum rc retake_run(const struct retake_spec *spec, struct retake *ret, struct diag *diag)
{
    struct run *run = mem_new(1, sizeof(*run));
    if (run == NULL)
        return fail(diag, RC_NO_MEMORY, "no memory left");
    *ret = (struct retake){.same = 0};
    buf_init(&ret->why, RETAKE_WORDS_MAX);
    run->spec = spec;
    run->ret = ret;
    run->diag = diag;
    arena_init(&run->arena, ARENA_BYTES_MAX);
    arena_init(&run->schedules, ARENA_BYTES_MAX);
    struct replay_result result = {0};
    const struct replay_options options = {
        .query = {.from_ns = spec->begin_ns, .to_ns = spec->to_ns - 1},
        .env = spec->env,
        .each = on_tick,
        .context = run};
    enum rc rc = make_takers(run, diag);
    if (rc == RC_OK)
        rc = store_replay(spec->store, &options, &result, diag);
    if (rc == RC_OK && run->rc != RC_OK)
        rc = diag->code == RC_OK ? fail(diag, run->rc, "the decision log: %s", rc_words(run->rc))
                                 : run->rc;
    ret->same = result.passed;
    ret->not_same = result.failed;
    for (size_t i = 0; i < run->taker_count; i++)
        free(run->taker[i].state);
    free(run->taker);
    arena_done(&run->arena);
    arena_done(&run->schedules);
    free(run);
    if (rc != RC_OK)
        retake_done(ret);
    return rc;
}
