/* library_decide.c - observations and decisions between the structs of the interface and those of
 * the core. Nothing here allocates. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/duration.h"
#include "base/num.h"
#include "lib/library.h"

static_assert(SLUICE_CLASSES == CLASSES_PER_POOL_MAX, "as the core");
static_assert(SLUICE_BATCHES == PENDING_BATCHES_MAX, "as the core");
static_assert((int)SLUICE_FAILED == (int)SIGNAL_FAILED, "as the core");
static_assert((int)SLUICE_START == (int)TICK_START, "as the core");
static_assert((int)SLUICE_POD_GONE == (int)POD_GONE, "as the core");
static_assert((int)SLUICE_POD_READINESS_NONE == (int)POD_READINESS_NONE, "as the core");

/* ---- signals ---- */

/* A handle of a signal: its id, and above that the index of an external one. */
int64_t sluice_signal_find(const struct sluice *s, size_t pool, const char *name)
{
    struct signal_ref ref;
    if (pool >= s->pool_count || signal_parse(span_from(name), &ref, NULL) != RC_OK)
        return -1;
    if (ref.id != SIGNAL_EXTERNAL)
        return (int64_t)ref.id;
    const int index =
        group_external_index(library_group_of(s, pool)->spec, span_from(ref.external));
    return index < 0 ? -1 : (int64_t)ref.id | (int64_t)index << 16;
}

static uint8_t state_of(uint32_t state)
{
    return state <= SIGNAL_FAILED ? (uint8_t)state : (uint8_t)SIGNAL_FAILED;
}

static bool make_sample(const struct sluice *s, const struct sluice_sample *from,
                        struct sample *ret)
{
    if (from->pool >= s->pool_count || from->signal < 0 || from->signal > UINT32_MAX)
        return false;
    *ret = (struct sample){
        .t_ns = from->t_ns,
        .pool = (uint16_t)s->place[from->pool].pool,
        .signal = (uint16_t)(from->signal & UINT16_MAX),
        .external = (uint16_t)(from->signal >> 16),
        .state = state_of(from->state),
        .covered = from->covered,
        .expected = from->expected,
        .value = from->value,
        .weight = from->weight,
    };
    return ret->signal < SIGNAL_COUNT;
}

size_t sluice_observe(struct sluice *s, const struct sluice_sample *sample, size_t count)
{
    size_t taken = 0;
    for (size_t i = 0; i < count; i++) {
        const char *at = (const char *)sample + i * sample->size;
        struct sluice_sample own = {.weight = 1};
        struct sample made;
        if (!library_take(&own, sizeof(own), at, sample->size) || !make_sample(s, &own, &made))
            continue;
        const struct library_group *group = library_group_of(s, own.pool);
        observe(group->spec, group->state, &made, 1);
        taken++;
    }
    return taken;
}

size_t sluice_observe_pods(struct sluice *s, const struct sluice_pod *pod, size_t count)
{
    size_t taken = 0;
    for (size_t i = 0; i < count; i++) {
        const char *at = (const char *)pod + i * pod->size;
        struct sluice_pod own = {.started_ns = TIME_NONE, .request = NAN};
        struct pod_sample made = {.phase = POD_GONE};
        if (!library_take(&own, sizeof(own), at, pod->size))
            continue;
        const struct sluice_sample plain = {.pool = own.pool,
                                            .state = own.state,
                                            .signal = own.signal,
                                            .t_ns = own.t_ns,
                                            .value = own.value,
                                            .weight = 1};
        if (!make_sample(s, &plain, &made.sample) || own.phase > POD_GONE ||
            own.readiness > POD_READINESS_NONE)
            continue;
        made.measured_ns = own.measured_ns;
        made.window_ns = own.window_ns;
        made.ready_since_ns = own.ready_since_ns;
        made.started_ns = own.started_ns;
        made.request = own.request;
        made.phase = (uint8_t)own.phase;
        made.readiness = (uint8_t)own.readiness;
        made.leaving = own.leaving != 0;
        const struct library_group *group = library_group_of(s, own.pool);
        observe_pods(group->spec, group->state, &made, 1);
        taken++;
    }
    return taken;
}

/* ---- the world ---- */

/* One line a member: both structs hold the same things under the names of their own. */
#define WORLD_MAP(X)                                                                               \
    X(ready, ready)                                                                                \
    X(pending, pending)                                                                            \
    X(warm, warm)                                                                                  \
    X(draining, draining)                                                                          \
    X(blocked, blocked)                                                                            \
    X(busy, busy)                                                                                  \
    X(actual, actual_count)                                                                        \
    X(waiting_requests, waiting_requests)                                                          \
    X(waiting_tokens, waiting_tokens)                                                              \
    X(in_flight_requests, in_flight_requests)                                                      \
    X(idle_ns, idle_ns)                                                                            \
    X(foreign, foreign_count)                                                                      \
    X(inventory_limit, inventory_limit)                                                            \
    X(quota_limit, quota_limit)                                                                    \
    X(budget_limit, budget_limit)                                                                  \
    X(pin, pin_count)                                                                              \
    X(bound_min, bound_min)                                                                        \
    X(bound_max, bound_max)                                                                        \
    X(schedule_now, schedule_now)                                                                  \
    X(schedule_next, schedule_next)                                                                \
    X(schedule_next_wall_ns, schedule_next_ns)                                                     \
    X(start_p50_ns, start_p50_ns)                                                                  \
    X(start_p90_ns, start_p90_ns)                                                                  \
    X(spent_today, spent_today)

static void world_of(const struct pool_observation *from, struct sluice_world *ret)
{
    *ret = (struct sluice_world){
        .size = sizeof(*ret),
#define MEMBER(ours, theirs) .ours = from->theirs,
        WORLD_MAP(MEMBER)
#undef MEMBER
            .counts_state = from->counts_state,
        .waiting_state = from->waiting_state,
    };
}

static void observation_of(const struct sluice_world *from, struct pool_observation *ret)
{
    *ret = (struct pool_observation){
#define MEMBER(ours, theirs) .theirs = from->ours,
        WORLD_MAP(MEMBER)
#undef MEMBER
            .counts_state = state_of(from->counts_state),
        .waiting_state = state_of(from->waiting_state),
        .budget_unreadable = from->budget_unreadable != 0,
        .paused = from->paused != 0,
        .batch_count = from->batch_count < SLUICE_BATCHES ? from->batch_count : SLUICE_BATCHES,
    };
    for (size_t i = 0; i < SLUICE_CLASSES; i++) {
        ret->class_ready[i] = from->class_ready[i];
        ret->class_pending[i] = from->class_pending[i];
        ret->class_notice[i] = from->class_notice[i];
        ret->class_refused[i] = from->class_refused[i];
    }
    for (size_t i = 0; i < ret->batch_count; i++) {
        ret->batch[i].count = from->batch[i].count;
        ret->batch[i].due_ns = from->batch[i].due_ns;
    }
    /* A pair of bounds that cannot be is none. */
    if (ret->bound_min > REPLICAS_MAX || ret->bound_max > REPLICAS_MAX ||
        (ret->bound_min >= 0 && ret->bound_max >= 0 && ret->bound_min > ret->bound_max))
        ret->bound_min = ret->bound_max = NO_COUNT;
}

void sluice_world_init(struct sluice_world *world)
{
    struct observation o;
    struct sluice_world plain;
    observation_defaults(&o);
    world_of(&o.pool[0], &plain);
    library_give(world, world->size, &plain, sizeof(plain));
}

/* ---- decisions ---- */

static void decision_of(const struct decision *from, struct sluice_decision *ret)
{
    *ret = (struct sluice_decision){
        .size = sizeof(*ret),
        .desired = from->desired,
        .previous = from->previous,
        .warm = from->warm,
        .proposed = from->proposal.replicas,
        .proposed_exact = from->proposal.exact,
        .flags = (from->wake ? SLUICE_IS_WAKE : 0) | (from->urgent ? SLUICE_IS_URGENT : 0) |
                 (from->held ? SLUICE_IS_HELD : 0) | (from->evaluated ? SLUICE_IS_EVALUATED : 0) |
                 (from->fallback ? SLUICE_IS_FALLBACK : 0) |
                 (from->proposal.abstain ? SLUICE_IS_ABSTAINED : 0),
        .trail_count = from->trail_count,
        .trail_dropped = from->trail_dropped,
    };
    memcpy(ret->class_desired, from->class_desired, sizeof(ret->class_desired));
    memcpy(ret->proposed_number, from->proposal.number, sizeof(ret->proposed_number));
}

int32_t sluice_decide(struct sluice *s, const struct sluice_tick *tick,
                      const struct sluice_world *world, struct sluice_decision *decision)
{
    struct sluice_tick now = {.cause = SLUICE_PERIOD};
    struct sluice_world own;
    struct observation o;
    const size_t stride = world->size;
    const size_t out_stride = decision->size;
    world_of(&(struct pool_observation){.ready = 0}, &own);
    if (!library_take(&now, sizeof(now), tick, tick->size) ||
        !library_take(&own, sizeof(own), world, stride) || out_stride < sizeof(size_t) ||
        now.cause > TICK_START)
        return RC_INVALID;
    for (size_t g = 0; g < s->group_count; g++) {
        const struct library_group *group = &s->group[g];
        observation_defaults(&o);
        o.now_ns = now.now_ns;
        o.wall_ns = now.wall_ns;
        o.cause = (uint8_t)now.cause;
        o.incomplete = now.incomplete != 0;
        for (size_t i = 0; i < group->pool_count; i++) {
            own.size = sizeof(own);
            sluice_world_init(&own);
            (void)library_take(&own, sizeof(own), (const char *)world + group->pool[i] * stride,
                               stride); /* as above */
            observation_of(&own, &o.pool[i]);
        }
        decide(group->spec, group->state, &o, group->decision);
        for (size_t i = 0; i < group->pool_count; i++) {
            struct sluice_decision plain;
            char *to = (char *)decision + group->pool[i] * out_stride;
            decision_of(&group->decision[i], &plain);
            memcpy(to, &out_stride, sizeof(out_stride));
            library_give(to, out_stride, &plain, sizeof(plain));
        }
    }
    return RC_OK;
}

/* ---- why ---- */

static const struct trail_entry *entry_of(const struct sluice *s, size_t pool, size_t entry)
{
    if (pool >= s->pool_count)
        return NULL;
    const struct decision *d = &library_group_of(s, pool)->decision[s->place[pool].pool];
    return entry < d->trail_count ? &d->trail[entry] : NULL;
}

int32_t sluice_trail(const struct sluice *s, size_t pool, size_t entry, struct sluice_trail *trail)
{
    const struct trail_entry *from = entry_of(s, pool, entry);
    if (from == NULL)
        return RC_NOT_FOUND;
    struct sluice_trail told = {
        .size = sizeof(told),
        .stage = stage_name((enum stage_id)from->stage),
        .reason = reason_code((enum reason)from->reason),
        .before = from->before,
        .after = from->after,
        .metric = from->metric == UINT16_MAX ? -1 : (int64_t)from->metric,
    };
    memcpy(told.number, from->number, sizeof(told.number));
    library_give(trail, trail->size, &told, sizeof(told));
    return RC_OK;
}

size_t sluice_words(const struct sluice *s, size_t pool, size_t entry, char *text, size_t size)
{
    const struct trail_entry *from = entry_of(s, pool, entry);
    struct buf words;
    if (from == NULL)
        return 0;
    buf_init(&words, LIBRARY_TEXT_MAX);
    trail_words(library_group_of(s, pool)->spec, s->place[pool].pool, from, &words);
    const size_t length = words.len;
    if (size > 0)
        (void)span_copy(buf_view(&words), text, size); /* cut, as promised */
    buf_done(&words);
    return length;
}
