/* What a run adds up to. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/mem.h"
#include "sim/world_internal.h"

#define REVERSAL_NS (10 * MINUTE_NS)

void count_time(struct world *world)
{
    const int64_t from_ns = world->begin_ns + world->spec.score_from_ns;
    if (world->counted_ns < from_ns)
        world->counted_ns = world->now_ns < from_ns ? world->now_ns : from_ns;
    const double seconds = seconds_of(world->now_ns - world->counted_ns);
    world->result.replica_seconds += seconds * (double)world->holding;
    world->result.gpu_hours += seconds * world->gpus_used / 3600;
    world->result.cost += seconds * world->price / 3600;
    world->counted_ns = world->now_ns;
}

bool count_scores(const struct world *world, int64_t at_ns)
{
    return at_ns - world->begin_ns >= world->spec.score_from_ns;
}

/* ttft_s: NAN when there was no whole answer. */
static void count_minute(struct world *world, int64_t arrived_ns, bool good, double ttft_s)
{
    const size_t index = (size_t)((arrived_ns - world->begin_ns) / WORLD_MINUTE_NS);
    if (index >= WORLD_MINUTES_MAX)
        return;
    if (index >= world->minute_count) {
        const size_t before = world->minute_cap;
        if (mem_grow((void **)&world->minute, &world->minute_cap, index + 1, sizeof(*world->minute),
                     WORLD_MINUTES_MAX) != RC_OK)
            return;
        if (world->minute_cap > before)
            memset(world->minute + before, 0,
                   (world->minute_cap - before) * sizeof(*world->minute));
        world->minute_count = index + 1;
    }
    struct world_minute *minute = &world->minute[index];
    minute->ended++;
    minute->good += good;
    if (isnan(ttft_s))
        return;
    minute->answered++;
    minute->ttft_sum_s += ttft_s;
    minute->ttft_max_s = fmax(minute->ttft_max_s, ttft_s);
}

static bool meets(const struct world_pool *pool, const struct call *call, double ttft_s,
                  double itl_s, double e2e_s)
{
    const double allowed_s = pool->ttft_s + pool->ttft_per_token_s * (double)call->prompt_tokens;
    return !(ttft_s > allowed_s) && !(itl_s > pool->itl_s) && !(e2e_s > pool->e2e_s);
}

void count_ended(struct world *world, const struct call *call, bool whole, bool refused)
{
    bool good = false;
    double first_s = NAN;
    world->open--;
    if (!count_scores(world, call->arrived_ns))
        return;
    world->result.ok += whole;
    world->result.failed += !whole && !refused;
    world->result.refused += !whole && refused;
    if (whole) {
        const double ttft_s = seconds_of(call->first_ns - call->arrived_ns);
        const double e2e_s = seconds_of(world->now_ns - call->arrived_ns);
        const double itl_s =
            call->generated > 1 ? (e2e_s - ttft_s) / (double)(call->generated - 1) : NAN;
        histogram_record(&world->result.ttft_s, ttft_s, 1);
        histogram_record(&world->result.itl_s, itl_s, 1);
        histogram_record(&world->result.e2e_s, e2e_s, 1);
        good = meets(&world->pool[call->entry], call, ttft_s, itl_s, e2e_s);
        first_s = ttft_s;
    }
    world->result.good += good;
    count_minute(world, call->arrived_ns, good, first_s);
}

static size_t first_pool(const struct world *world, size_t group)
{
    size_t first = 0;
    for (size_t i = 0; i < group; i++)
        first += group_pool_count(world->spec.control->group[i].group);
    return first;
}

/* Without memory the list ends: it is for plots. */
static void keep_change(struct world *world, size_t pool, int64_t desired)
{
    if (mem_grow((void **)&world->change, &world->change_cap, world->change_count + 1,
                 sizeof(*world->change), WORLD_CHANGES_MAX) == RC_OK)
        world->change[world->change_count++] =
            (struct world_change){.at_ns = world->now_ns - world->begin_ns,
                                  .pool = (uint32_t)pool,
                                  .desired = (uint32_t)desired};
}

static void count_change(struct world *world, size_t pool, int64_t desired)
{
    const int direction = (desired > world->desired[pool]) - (desired < world->desired[pool]);
    world->desired[pool] = desired;
    if (direction == 0)
        return;
    keep_change(world, pool, desired);
    if (!count_scores(world, world->now_ns))
        return;
    world->result.scale_ups += direction > 0;
    world->result.scale_downs += direction < 0;
    if (world->direction[pool] == -direction &&
        world->now_ns - world->direction_ns[pool] <= REVERSAL_NS)
        world->result.reversals++;
    world->direction[pool] = direction;
    world->direction_ns[pool] = world->now_ns;
}

/* Field by field: padding differs between compilers. */
static uint64_t hash_decision(uint64_t hash, const struct decision *decision)
{
    hash = hash_u64(hash, (uint64_t)decision->desired);
    hash = hash_u64(hash, (uint64_t)decision->previous);
    hash = hash_u64(hash, (uint64_t)decision->proposal.replicas);
    for (uint32_t i = 0; i < decision->trail_count; i++) {
        const struct trail_entry *entry = &decision->trail[i];
        hash = hash_u64(hash, (uint64_t)entry->stage << 32 | entry->reason);
        hash = hash_u64(hash, (uint64_t)(uint32_t)entry->before << 32 | (uint32_t)entry->after);
        hash = hash_bytes(hash, entry->number, sizeof(entry->number));
    }
    return hash;
}

size_t count_record(struct world *world, const struct tick_record *record)
{
    const size_t first = first_pool(world, record->group);
    const size_t count = group_pool_count(record->spec);
    world->result.ticks++;
    for (size_t i = 0; i < count; i++) {
        world->result.decision_hash =
            hash_decision(world->result.decision_hash, &record->decision[i]);
        count_change(world, first + i, record->decision[i].desired);
    }
    return first;
}

const struct world_minute *world_minutes(const struct world *world, size_t *ret_count)
{
    *ret_count = world->minute_count;
    return world->minute;
}

const struct world_change *world_changes(const struct world *world, size_t *ret_count)
{
    *ret_count = world->change_count;
    return world->change;
}

/* A window of few requests says little, unless there are no others. */
static double worst_window(const struct world *world)
{
    const size_t each = (size_t)(WORLD_WINDOW_NS / WORLD_MINUTE_NS);
    double worst = NAN;
    for (int64_t least = WORLD_WINDOW_REQUESTS; least >= 1 && isnan(worst);
         least = least > 1 ? 1 : 0)
        for (size_t from = 0; from < world->minute_count; from += each) {
            struct world_minute window = {0};
            for (size_t i = from; i < from + each && i < world->minute_count; i++) {
                window.ended += world->minute[i].ended;
                window.good += world->minute[i].good;
            }
            const double share = (double)window.good / (double)window.ended;
            if (window.ended >= least && !(share >= worst))
                worst = share;
        }
    return worst;
}

void world_result(const struct world *world, struct world_result *ret)
{
    *ret = world->result;
    ret->open = 0;
    for (size_t i = 0; i < world->call_count; i++)
        ret->open +=
            world->call[i].state != CALL_FREE && count_scores(world, world->call[i].arrived_ns);
    ret->lost = ret->requests - ret->ok - ret->failed - ret->refused - ret->open;
    const int64_t ended = ret->ok + ret->failed + ret->refused;
    ret->attainment = ended == 0 ? NAN : (double)ret->good / (double)ended;
    ret->worst_window_attainment = worst_window(world);
}
