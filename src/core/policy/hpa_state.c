/* hpa_state.c - where the lists of policy hpa lie in its state, and what of them is carried over a
 * changed specification. */
#include <math.h>
#include <string.h>

#include "base/duration.h"
#include "core/policy.h"
#include "core/policy/hpa.h"

#define ROOM_MORE 4 /* entries beyond window / period: those at its edges */

const struct field hpa_fields[HPA_FIELD_COUNT] = {
    FIELD_ARRAY(U8, hpa_state, able, 2),    FIELD_ARRAY(U8, hpa_state, active, 2),
    FIELD_ARRAY(U8, hpa_state, limited, 2), FIELD(U8, hpa_state, started),
    FIELD(U8, hpa_state, failed),           FIELD(U8, hpa_state, rescaled),
    FIELD(U8, hpa_state, reason),           FIELD_ARRAY(U8, hpa_state, reserved, 6),
    FIELD(U32, hpa_state, failed_metrics),  FIELD(U32, hpa_state, record_count),
    FIELD(U32, hpa_state, up_count),        FIELD(U32, hpa_state, down_count),
    FIELD(I64, hpa_state, scaled_ns),
};

/* Entries that each list needs: what one window or period can hold, and its edges. */
struct rooms {
    size_t metrics;
    uint32_t records;
    uint32_t up;
    uint32_t down;
};

struct hpa_direction hpa_direction_of(const struct hpa_config *config, bool up)
{
    struct hpa_direction direction = up ? config->up : config->down;
    if (up)
        hpa_default_up(&direction);
    else
        hpa_default_down(&direction, config->down_window_ns);
    if (up ? config->up_paused : config->down_paused)
        direction.select = HPA_SELECT_DISABLED;
    return direction;
}

static uint32_t room_of(const struct hpa_config *config, int64_t span_ns)
{
    return (uint32_t)(span_ns / config->period_ns) + ROOM_MORE;
}

size_t hpa_metric_count(const struct pool_spec *pool, const struct hpa_config *config)
{
    return config->metric_count > 0 ? config->metric_count : pool->metric_count;
}

bool hpa_behaves(const struct hpa_config *config)
{
    return config->behave || config->up_paused || config->down_paused;
}

static struct rooms rooms_of(const struct hpa_config *config, size_t metric_count)
{
    struct rooms rooms = {.metrics = metric_count};
    int64_t window_ns = config->down_window_ns;
    if (hpa_behaves(config)) {
        const struct hpa_direction up = hpa_direction_of(config, true);
        const struct hpa_direction down = hpa_direction_of(config, false);
        window_ns = up.window_ns > down.window_ns ? up.window_ns : down.window_ns;
        rooms.up = room_of(config, hpa_longest_period(&up));
        rooms.down = room_of(config, hpa_longest_period(&down));
    }
    rooms.records = room_of(config, window_ns);
    return rooms;
}

struct hpa_parts hpa_parts_at(const struct hpa_config *config, size_t metric_count,
                              struct hpa_state *state)
{
    const struct rooms rooms = rooms_of(config, metric_count);
    struct hpa_parts parts = {
        .metric_count = rooms.metrics,
        .metric = (struct hpa_metric_state *)(state + 1),
    };
    parts.records = (struct hpa_records){
        .item = (struct hpa_record *)(parts.metric + rooms.metrics),
        .count = &state->record_count,
        .room = rooms.records,
    };
    parts.up = (struct hpa_events){
        .item = (struct hpa_event *)(parts.records.item + rooms.records),
        .count = &state->up_count,
        .room = rooms.up,
    };
    parts.down = (struct hpa_events){
        .item = parts.up.item + rooms.up,
        .count = &state->down_count,
        .room = rooms.down,
    };
    return parts;
}

struct hpa_parts hpa_parts_of(const struct pool_spec *pool, const struct hpa_config *config,
                              struct hpa_state *state)
{
    return hpa_parts_at(config, hpa_metric_count(pool, config), state);
}

const struct hpa_metric_state *hpa_metric_states(const struct hpa_state *state)
{
    return (const struct hpa_metric_state *)(state + 1);
}

/* ---- life ---- */

size_t hpa_parts_size(const struct hpa_config *config, size_t metric_count)
{
    const struct rooms rooms = rooms_of(config, metric_count);
    return sizeof(struct hpa_state) + rooms.metrics * sizeof(struct hpa_metric_state) +
           rooms.records * sizeof(struct hpa_record) +
           ((size_t)rooms.up + rooms.down) * sizeof(struct hpa_event);
}

void hpa_parts_init(const struct hpa_config *config, size_t metric_count, struct hpa_state *state)
{
    memset(state, 0, hpa_parts_size(config, metric_count));
    state->scaled_ns = TIME_NONE;
    const struct hpa_parts parts = hpa_parts_at(config, metric_count, state);
    for (size_t i = 0; i < parts.metric_count; i++) {
        parts.metric[i].round_ns = TIME_NONE;
        parts.metric[i].replicas = -1;
    }
}

bool hpa_parts_valid(const struct hpa_config *config, size_t metric_count,
                     const struct hpa_state *state)
{
    const struct rooms rooms = rooms_of(config, metric_count);
    return state->record_count <= rooms.records && state->up_count <= rooms.up &&
           state->down_count <= rooms.down && state->reason < HPA_REASON_COUNT &&
           state->able.reason < HPA_REASON_COUNT && state->active.reason < HPA_REASON_COUNT &&
           state->limited.reason < HPA_REASON_COUNT;
}

/* The newest that fit, in their order: shorter windows have no use for the others. */
static uint32_t carried(void *to, uint32_t room, const void *from, uint32_t count, size_t size)
{
    const uint32_t kept = count < room ? count : room;
    memcpy(to, (const unsigned char *)from + (count - kept) * size, kept * size);
    return kept;
}

void hpa_parts_carry(const struct hpa_carry *c)
{
    const struct hpa_state *old = c->old_state;
    struct hpa_state *state = c->state;
    const struct rooms rooms = rooms_of(c->old_config, c->old_metric_count);
    const struct hpa_metric_state *metrics = hpa_metric_states(old);
    const struct hpa_record *records = (const struct hpa_record *)(metrics + rooms.metrics);
    const struct hpa_event *up = (const struct hpa_event *)(records + rooms.records);
    const struct hpa_event *down = up + rooms.up;
    *state = *old;
    const struct hpa_parts parts = hpa_parts_at(c->config, c->metric_count, state);
    state->record_count = carried(parts.records.item, parts.records.room, records,
                                  old->record_count, sizeof(*records));
    state->up_count = carried(parts.up.item, parts.up.room, up, old->up_count, sizeof(*up));
    state->down_count =
        carried(parts.down.item, parts.down.room, down, old->down_count, sizeof(*down));
}

/* ---- members of policy_hpa ---- */

size_t hpa_state_size(const struct pool_spec *pool, const void *config)
{
    return hpa_parts_size(config, hpa_metric_count(pool, config));
}

void hpa_state_init(const struct pool_spec *pool, const void *config, void *state, int64_t now_ns,
                    int64_t ready)
{
    (void)now_ns;
    (void)ready;
    hpa_parts_init(config, hpa_metric_count(pool, config), state);
}

bool hpa_state_valid(const struct pool_spec *pool, const void *config, const void *state)
{
    return hpa_parts_valid(config, hpa_metric_count(pool, config), state);
}

void hpa_reshape(const struct policy_change *c)
{
    hpa_parts_carry(&(struct hpa_carry){
        .old_config = c->old_config,
        .old_metric_count = hpa_metric_count(c->old_pool, c->old_config),
        .old_state = c->old_state,
        .config = c->config,
        .metric_count = hpa_metric_count(c->pool, c->config),
        .state = c->state,
    });
}
