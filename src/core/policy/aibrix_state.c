/* aibrix_state.c - where windows and records of the aibrix policies lie, and what of them is
 * carried over a changed specification. */
#include <string.h>

#include "base/duration.h"
#include "base/num.h"
#include "core/policy/aibrix.h"

#define ROOM_MORE 3 /* entries beyond span / period: those at its edges */

const struct field aibrix_fields[AIBRIX_FIELD_COUNT] = {
    FIELD(I64, aibrix_state, metric_desired),
    FIELD(U32, aibrix_state, record_count),
    FIELD(U8, aibrix_state, outcome),
    FIELD_ARRAY(U8, aibrix_state, reserved, 3),
};

static uint32_t room_of(const struct aibrix_config *config, int64_t span_ns)
{
    return (span_ns > 0 ? (uint32_t)(span_ns / config->period_ns) : 0) + ROOM_MORE;
}

struct aibrix_parts aibrix_parts_of(const struct pool_spec *pool,
                                    const struct aibrix_config *config, struct aibrix_state *state)
{
    const int64_t cooldown_ns = config->up_cooldown_ns > config->down_cooldown_ns
                                    ? config->up_cooldown_ns
                                    : config->down_cooldown_ns;
    struct aibrix_parts parts = {
        .metric_count = config->metric_count > 0 ? config->metric_count : pool->metric_count,
        .metric = (struct aibrix_metric_state *)(state + 1),
        .stable_room = room_of(config, config->observe_ns),
        .panic_room = room_of(config, config->panic_ns),
    };
    parts.records = (struct aibrix_records){
        .item = (struct aibrix_record *)(parts.metric + parts.metric_count),
        .count = &state->record_count,
        .room = room_of(config, cooldown_ns),
    };
    parts.points = (struct aibrix_point *)(parts.records.item + parts.records.room);
    return parts;
}

struct aibrix_points aibrix_window_of(const struct aibrix_parts *parts, size_t metric, bool stable)
{
    struct aibrix_metric_state *m = &parts->metric[metric];
    struct aibrix_point *points =
        parts->points + metric * ((size_t)parts->stable_room + parts->panic_room);
    if (stable)
        return (struct aibrix_points){points, &m->stable_count, parts->stable_room};
    return (struct aibrix_points){points + parts->stable_room, &m->panic_count, parts->panic_room};
}

const struct aibrix_metric_state *aibrix_metric_states(const struct aibrix_state *state)
{
    return (const struct aibrix_metric_state *)(state + 1);
}

size_t aibrix_state_size(const struct pool_spec *pool, const void *config)
{
    struct aibrix_state nowhere;
    const struct aibrix_parts parts = aibrix_parts_of(pool, config, &nowhere);
    return sizeof(struct aibrix_state) + parts.metric_count * sizeof(struct aibrix_metric_state) +
           parts.records.room * sizeof(struct aibrix_record) +
           parts.metric_count * ((size_t)parts.stable_room + parts.panic_room) *
               sizeof(struct aibrix_point);
}

void aibrix_state_init(const struct pool_spec *pool, const void *config, void *state,
                       int64_t now_ns, int64_t ready)
{
    (void)now_ns;
    (void)ready;
    memset(state, 0, aibrix_state_size(pool, config));
    ((struct aibrix_state *)state)->metric_desired = -1;
    const struct aibrix_parts parts = aibrix_parts_of(pool, config, state);
    for (size_t i = 0; i < parts.metric_count; i++) {
        parts.metric[i].replicas = -1;
        parts.metric[i].panic_since_ns = TIME_NONE;
    }
}

bool aibrix_state_valid(const struct pool_spec *pool, const void *config, const void *state)
{
    struct aibrix_state head;
    const struct aibrix_metric_state *metrics = aibrix_metric_states(state);
    memcpy(&head, state, sizeof(head));
    const struct aibrix_parts parts = aibrix_parts_of(pool, config, &head);
    bool good = head.record_count <= parts.records.room && head.outcome <= AIBRIX_FAILED;
    for (size_t i = 0; i < parts.metric_count && good; i++)
        good = metrics[i].stable_count <= parts.stable_room &&
               metrics[i].panic_count <= parts.panic_room;
    return good;
}

/* ---- reshape ---- */

/* The parts of an old state, which is only read. */
struct old_parts {
    struct aibrix_parts shape; /* counts and rooms; its pointers lead nowhere */
    const struct aibrix_metric_state *metric;
    const struct aibrix_record *records;
    const struct aibrix_point *points;
};

static struct old_parts old_parts_of(const struct policy_change *c)
{
    struct aibrix_state nowhere;
    struct old_parts old = {.shape = aibrix_parts_of(c->old_pool, c->old_config, &nowhere)};
    old.metric = aibrix_metric_states(c->old_state);
    old.records = (const struct aibrix_record *)(old.metric + old.shape.metric_count);
    old.points = (const struct aibrix_point *)(old.records + old.shape.records.room);
    return old;
}

static bool same_metric(const struct policy_change *c, size_t from, size_t to)
{
    const struct aibrix_config *old = c->old_config;
    const struct aibrix_config *config = c->config;
    if (old->metric_count > 0 && config->metric_count > 0)
        return strcmp(old->metric[from].name, config->metric[to].name) == 0;
    return old->metric_count == config->metric_count &&
           signal_ref_equal(&c->old_pool->metric[from].signal, &c->pool->metric[to].signal);
}

static void carry_points(const struct aibrix_point *from, uint32_t count,
                         const struct aibrix_points *to)
{
    const uint32_t skipped = count > to->room ? count - to->room : 0;
    *to->count = count - skipped;
    memcpy(to->item, from + skipped, *to->count * sizeof(*to->item));
}

/* The peer makes both windows of a metric anew when one of their lengths changes. */
static void carry_metric(const struct policy_change *c, const struct old_parts *from, size_t i,
                         const struct aibrix_parts *to, size_t j)
{
    const struct aibrix_config *old = c->old_config;
    const struct aibrix_config *config = c->config;
    const struct aibrix_metric_state *m = &from->metric[i];
    const struct aibrix_point *points =
        from->points + i * ((size_t)from->shape.stable_room + from->shape.panic_room);
    const struct aibrix_points stable = aibrix_window_of(to, j, true);
    const struct aibrix_points panic = aibrix_window_of(to, j, false);
    to->metric[j] = *m;
    *stable.count = 0;
    *panic.count = 0;
    if (old->observe_ns != config->observe_ns || old->panic_ns != config->panic_ns)
        return;
    carry_points(points, m->stable_count, &stable);
    carry_points(points + from->shape.stable_room, m->panic_count, &panic);
}

void aibrix_reshape(const struct policy_change *c)
{
    const struct aibrix_state *old = c->old_state;
    struct aibrix_state *state = c->state;
    const struct old_parts from = old_parts_of(c);
    const struct aibrix_parts to = aibrix_parts_of(c->pool, c->config, state);
    const uint32_t records =
        old->record_count < to.records.room ? old->record_count : to.records.room;
    *state = *old;
    state->record_count = records;
    memcpy(to.records.item, from.records + (old->record_count - records),
           records * sizeof(*to.records.item));
    for (size_t j = 0; j < to.metric_count; j++)
        for (size_t i = 0; i < from.shape.metric_count; i++)
            if (same_metric(c, i, j))
                carry_metric(c, &from, i, &to, j);
}
