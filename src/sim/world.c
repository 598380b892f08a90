#include "sim/world.h"

#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/mem.h"
#include "base/num.h"
#include "sim/world_internal.h"

int64_t world_wall_ns(const struct world *world)
{
    return WORLD_WALL_BEGIN_NS + (world->now_ns - world->begin_ns) + world->wall_offset_ns;
}

int64_t world_now_ns(const struct world *world)
{
    return world->now_ns - world->begin_ns;
}

static void note_failure(struct world *world, enum rc rc)
{
    if (rc != RC_OK && world->rc == RC_OK)
        world->rc = rc;
}

void world_plan(struct world *world, int64_t at_ns, enum happening what, size_t index,
                uint64_t version)
{
    const struct agenda_item item = {.at_ns = at_ns > world->now_ns ? at_ns : world->now_ns,
                                     .kind = what,
                                     .index = (uint32_t)index,
                                     .version = version};
    note_failure(world, agenda_put(&world->agenda, &item));
}

void world_tell(struct world *world, const struct up *up)
{
    const enum rc rc = mem_grow((void **)&world->up, &world->up_cap, world->up_count + 1,
                                sizeof(*world->up), AGENDA_MAX);
    note_failure(world, rc);
    if (rc == RC_OK)
        world->up[world->up_count++] = *up;
}

/* ---- between the parts ---- */

void world_give(struct world *world, const struct event *event)
{
    struct diag diag = {0};
    world->control_due = true;
    const enum rc rc =
        reconcile_event(world->reconcile, event, world->now_ns, world_wall_ns(world), &diag);
    if (rc == RC_NO_MEMORY)
        note_failure(world, rc);
    else if (rc != RC_OK && rc != RC_UNKNOWN)
        check_broken(world, "control refused an event: %s", diag.text);
}

static void give_message(struct world *world, const struct message *message)
{
    const struct event event = {.kind = EVENT_MESSAGE, .message = message};
    world_give(world, &event);
}

static void give_snapshot(struct world *world, size_t pool, enum message_kind kind)
{
    if (world->silent)
        return;
    fleet_sync(world, pool);
    scrape_engines(world, pool);
    dispatch_snapshot(world->front[pool], world->now_ns, &world->snapshot);
    world->snapshot.generation = world->generation;
    const struct message message = {.kind = kind,
                                    .pool = (uint16_t)pool,
                                    .generation = world->generation,
                                    .snapshot = &world->snapshot};
    give_message(world, &message);
}

static void give_up(struct world *world, const struct up *up)
{
    switch (up->kind) {
    case UP_SNAPSHOT:
        give_snapshot(world, up->pool, MESSAGE_SNAPSHOT);
        return;
    case UP_WAKE:
        give_snapshot(world, up->pool, MESSAGE_WAKE);
        return;
    case UP_DRAINED:
    case UP_SUSPECT: {
        struct body *body = fleet_body(world, up->replica);
        if (body != NULL && up->kind == UP_DRAINED)
            body->confirmed = up->generation;
        const struct message message = {.kind = up->kind == UP_DRAINED ? MESSAGE_DRAINED
                                                                       : MESSAGE_SUSPECT,
                                        .replica = up->replica,
                                        .generation = up->generation,
                                        .pool = (uint16_t)up->pool};
        give_message(world, &message);
        return;
    }
    case UP_NEWS: {
        const struct event event = {.kind = EVENT_NEWS, .news = &up->news};
        world_give(world, &event);
        return;
    }
    case UP_NOTICE: {
        const struct event event = {.kind = EVENT_NOTICE, .replica = up->replica, .up = true};
        world_give(world, &event);
        return;
    }
    case UP_ROOM: {
        struct pool_status status;
        reconcile_pool_status(world->reconcile, up->pool, &status);
        const struct event event = {.kind = EVENT_ROOM,
                                    .pool = status.name,
                                    .count = fleet_room(world, up->pool),
                                    .gpus_free = world->spec.gpus - world->gpus_used};
        world_give(world, &event);
        return;
    }
    }
}

static void act(struct world *world, const struct action *action)
{
    switch (action->kind) {
    case ACTION_START:
        rules_start(world, action->pool, action->replica);
        fleet_start(world, action->pool, action->replica, action->class_);
        return;
    case ACTION_STOP:
        check_stop(world, action->replica);
        fleet_stop(world, action->replica, action->kill);
        return;
    case ACTION_TELL:
        front_message(world, action->message);
        return;
    case ACTION_RECORD:
        check_record(world, action->record, count_record(world, action->record));
        if (world->spec.record != NULL)
            world->spec.record(world->spec.record_user, action->record);
        return;
    case ACTION_NOTE:
        for (size_t i = 0; i < world->note_count; i++)
            if (strcmp(world->note[i].code, action->code) == 0) {
                world->note[i].count++;
                return;
            }
        if (world->note_count < WORLD_NOTES_MAX) {
            world->note[world->note_count].code = action->code;
            world->note[world->note_count++].count = 1;
        }
        return;
    }
}

/* What control wants done; nothing changes for it but by events and its deadline. */
static bool settle_control(struct world *world)
{
    struct action action;
    bool moved = false;
    if (!world->control_due)
        return false;
    while (reconcile_next(world->reconcile, world->now_ns, world_wall_ns(world), &action)) {
        act(world, &action);
        moved = true;
    }
    world->control_due = false;
    const int64_t next_ns = reconcile_deadline(world->reconcile);
    if (next_ns != TIME_NONE && (world->control_ns == TIME_NONE || next_ns < world->control_ns)) {
        world->control_ns = next_ns;
        world_plan(world, next_ns, HAPPENS_CONTROL, 0, 0);
    }
    return moved;
}

void world_hand_up(struct world *world)
{
    while (world->up_done < world->up_count) {
        const struct up up = world->up[world->up_done++];
        give_up(world, &up);
    }
    world->up_done = world->up_count = 0;
}

/* Until nobody has anything to say at this instant. */
static void settle(struct world *world)
{
    bool moved = true;
    while (moved && world->rc == RC_OK) {
        moved = false;
        for (size_t i = 0; i < world->spec.pool_count; i++)
            if (world->front_dirty[i]) {
                front_settle(world, i);
                moved = true;
            }
        if (world->stalled)
            continue;
        moved |= world->up_count > 0;
        world_hand_up(world);
        moved |= settle_control(world);
    }
    check_counts(world);
}

static void happen(struct world *world, const struct agenda_item *item)
{
    switch ((enum happening)item->kind) {
    case HAPPENS_FRONT:
        if (world->front_ns[item->index] == item->at_ns) {
            world->front_ns[item->index] = TIME_NONE;
            world->front_dirty[item->index] = true;
        }
        return;
    case HAPPENS_CONTROL:
        if (world->control_ns == item->at_ns) {
            world->control_ns = TIME_NONE;
            world->control_due = true;
        }
        return;
    case HAPPENS_START:
    case HAPPENS_CRASH:
    case HAPPENS_END:
    case HAPPENS_NOTICE:
    case HAPPENS_TAKEN:
        fleet_happens(world, item);
        return;
    case HAPPENS_CARRIED:
        carry_arrive(world, item->index);
        return;
    }
}

/* The first of what stands in the agenda, the engines and the arrivals, if it is not after
 * until_ns: by time, then in the order in which it was planned. */
static bool step(struct world *world, int64_t until_ns)
{
    const struct agenda_item *item = agenda_first(&world->agenda);
    const struct timer *engine = timers_first(&world->engines);
    int64_t at_ns = world->arrivals_left ? world->begin_ns + world->arrival.at_ns : INT64_MAX;
    uint64_t sequence = world->arrival_sequence;
    if (engine != NULL &&
        (engine->at_ns < at_ns || (engine->at_ns == at_ns && engine->sequence < sequence))) {
        at_ns = engine->at_ns;
        sequence = engine->sequence;
    } else {
        engine = NULL;
    }
    if (item != NULL &&
        (item->at_ns < at_ns || (item->at_ns == at_ns && item->sequence < sequence))) {
        if (item->at_ns > until_ns)
            return false;
        const struct agenda_item taken = agenda_take(&world->agenda);
        world->now_ns = taken.at_ns;
        happen(world, &taken);
        return true;
    }
    if (at_ns > until_ns)
        return false;
    world->now_ns = at_ns;
    if (engine != NULL)
        fleet_engine(world, engine->index);
    else
        front_arrive(world);
    return true;
}

enum rc world_finish(struct world *world, int64_t rest_ns)
{
    settle(world);
    while (world->rc == RC_OK && (world->arrivals_left || world->open > 0) &&
           step(world, world->arrivals_left ? INT64_MAX - 1 : world->last_arrival_ns + rest_ns))
        settle(world);
    count_time(world);
    return world->rc;
}

enum rc world_run(struct world *world, int64_t at_ns)
{
    const int64_t until_ns = world->begin_ns + at_ns;
    settle(world);
    while (world->rc == RC_OK && step(world, until_ns))
        settle(world);
    world->now_ns = until_ns > world->now_ns ? until_ns : world->now_ns;
    count_time(world);
    return world->rc;
}

enum rc world_follow(struct world *world, int64_t at_ns)
{
    const int64_t until_ns = world->begin_ns + at_ns;
    settle(world);
    while (world->rc == RC_OK && world->arrivals_left && step(world, until_ns))
        settle(world);
    if (world->arrivals_left && until_ns > world->now_ns)
        world->now_ns = until_ns;
    count_time(world);
    return world->rc;
}

/* ---- the caller's doings ---- */

enum rc world_event(struct world *world, const struct event *event, struct diag *diag)
{
    world->control_due = true;
    const enum rc rc =
        reconcile_event(world->reconcile, event, world->now_ns, world_wall_ns(world), diag);
    const int pool =
        event->pool != NULL ? reconcile_pool_find(world->reconcile, span_from(event->pool)) : -1;
    if (rc == RC_OK && event->kind == EVENT_FOREIGN && pool >= 0)
        rules_foreign(world, (size_t)pool, event->count);
    return rc;
}

enum rc world_configure(struct world *world, const struct reconcile_spec *control)
{
    const enum rc rc =
        reconcile_configure(world->reconcile, control, world->now_ns, world_wall_ns(world));
    world->control_due = true;
    if (rc == RC_OK)
        world->spec.control = control;
    return rc;
}

void world_silence(struct world *world, bool silent)
{
    if (world->silent && !silent)
        world->spoke_ns = world->now_ns;
    world->silent = silent;
}

void world_jump_wall(struct world *world, int64_t by_ns)
{
    world->wall_offset_ns += by_ns;
}

bool world_arrives(const struct world *world)
{
    return world->arrivals_left;
}

void world_set_faults(struct world *world, size_t pool, const struct world_pool *like)
{
    struct world_pool *own = &world->pool[pool];
    own->startup = like->startup;
    own->refused = like->refused;
    own->failed = like->failed;
    own->never_ready = like->never_ready;
    own->slow = like->slow;
    own->crashes_per_hour = like->crashes_per_hour;
    own->transfer_ns = like->transfer_ns;
    own->transfer_per_token_ns = like->transfer_per_token_ns;
    own->scrape_delay_ns = like->scrape_delay_ns;
    own->scrape_gaps = like->scrape_gaps;
    memcpy(own->class_, like->class_, sizeof(own->class_));
}

const struct reconcile *world_reconcile(const struct world *world)
{
    return world->reconcile;
}

const char *world_violation(const struct world *world)
{
    return world->violation;
}

int64_t world_notes(const struct world *world, const char *code)
{
    for (size_t i = 0; i < world->note_count; i++)
        if (strcmp(world->note[i].code, code) == 0)
            return world->note[i].count;
    return 0;
}

/* ---- life ---- */

static bool make_arrays(struct world *world)
{
    const size_t n = world->spec.pool_count;
    world->pool = mem_new(n, sizeof(*world->pool));
    world->front = mem_new(n, sizeof(struct dispatch *));
    world->front_ns = mem_new(n, sizeof(*world->front_ns));
    world->front_dirty = mem_new(n, sizeof(*world->front_dirty));
    world->scrapes = mem_new(n, sizeof(*world->scrapes));
    world->gone_until_ns = mem_new(n, sizeof(*world->gone_until_ns));
    world->desired = mem_new(n, sizeof(*world->desired));
    world->direction = mem_new(n, sizeof(*world->direction));
    world->direction_ns = mem_new(n, sizeof(*world->direction_ns));
    return world->pool != NULL && world->front != NULL && world->front_ns != NULL &&
           world->front_dirty != NULL && world->scrapes != NULL && world->gone_until_ns != NULL &&
           world->desired != NULL && rules_begin(world) && world->direction != NULL &&
           world->direction_ns != NULL;
}

static bool make_fronts(struct world *world)
{
    for (size_t i = 0; i < world->spec.pool_count; i++) {
        struct dispatch_config config = world->pool[i].dispatch;
        config.pool = (uint16_t)i;
        config.seed = rng_next(&world->rng);
        world->front[i] = dispatch_new(&config);
        if (world->front[i] == NULL)
            return false;
    }
    return true;
}

static void begin(struct world *world)
{
    for (size_t i = 0; i < world->spec.pool_count; i++)
        fleet_begin(world, i, world->spec.initial == NULL ? 0 : world->spec.initial[i]);
    lead_begin(world);
    front_next(world);
}

struct world *world_new(const struct world_spec *spec)
{
    struct world *world = mem_new(1, sizeof(*world));
    if (world == NULL)
        return NULL;
    world->spec = *spec;
    world->now_ns = world->counted_ns = WORLD_BEGIN_NS;
    world->control_ns = world->spoke_ns = TIME_NONE;
    world->call_free = UINT32_MAX;
    rng_init(&world->rng, spec->seed);
    world->now_ns = world->counted_ns = world->begin_ns =
        num_add_sat(WORLD_BEGIN_NS, spec->uptime_ns);
    uint64_t first_id = 1;
    for (size_t i = 0; spec->initial != NULL && i < spec->pool_count; i++)
        first_id += (uint64_t)spec->initial[i];
    world->reconcile = reconcile_new(spec->control, first_id);
    if (world->reconcile == NULL || !make_arrays(world)) {
        world_free(world);
        return NULL;
    }
    memcpy(world->pool, spec->pool, spec->pool_count * sizeof(*spec->pool));
    for (size_t i = 0; i < spec->pool_count; i++) {
        world->front_ns[i] = TIME_NONE;
        world->desired[i] = spec->initial != NULL ? spec->initial[i] : 0;
    }
    if (!make_fronts(world)) {
        world_free(world);
        return NULL;
    }
    begin(world);
    return world;
}

void world_free(struct world *world)
{
    if (world == NULL)
        return;
    for (size_t i = 0; world->front != NULL && i < world->spec.pool_count; i++)
        dispatch_free(world->front[i]);
    for (size_t i = 0; i < world->body_count; i++)
        engine_free(world->body[i].engine);
    reconcile_free(world->reconcile);
    agenda_done(&world->agenda);
    timers_done(&world->engines);
    free(world->alive);
    free(world->pool);
    free(world->front);
    free(world->front_ns);
    free(world->front_dirty);
    free(world->scrapes);
    free(world->gone_until_ns);
    rules_end(world);
    free(world->state);
    free(world->desired);
    free(world->direction);
    free(world->direction_ns);
    free(world->body);
    lookup_done(&world->body_by_id);
    free(world->call);
    free(world->up);
    free(world->minute);
    free(world->change);
    free(world);
}
