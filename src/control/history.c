/* What is written for the next start and for people who ask why: decisions, states of groups, ids,
 * documents of replicas, words of operators, events. Nothing here waits for the disk; what the
 * writer drops it counts. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "control/control_internal.h"

static void put(struct control *control, const char *kind, const char *key, struct span json)
{
    if (control->store != NULL && !control->read_only)
        (void)store_writer_document(control->store, kind, key, json); /* counted by the writer */
}

void history_config(struct control *control, const struct config *config)
{
    if (control->store != NULL && !control->read_only)
        (void)store_writer_config(control->store, config->hash, config->file, config->text);
}

void history_ids(struct control *control, uint64_t used)
{
    if (used < control->ids_reserved)
        return;
    char text[24];
    control->ids_reserved = used + IDS_AHEAD;
    const int len = snprintf(text, sizeof(text), "%" PRIu64, control->ids_reserved);
    put(control, KIND_IDS, "next", span_of(text, (size_t)len));
}

void history_replica(struct control *control, uint64_t replica, bool exists)
{
    char key[24];
    struct buf json;
    (void)snprintf(key, sizeof(key), "%" PRIu64, replica);
    buf_init(&json, RECORD_BYTES_MAX);
    if (!exists)
        put(control, KIND_REPLICA, key, (struct span){0});
    else if (targets_document(control->targets, replica, &json))
        put(control, KIND_REPLICA, key, buf_view(&json));
    buf_done(&json);
}

void history_word(struct control *control, const struct event *event, const char *who)
{
    const bool pin = event->kind == EVENT_PIN;
    if ((!pin && event->kind != EVENT_PAUSE) || event->pool == NULL)
        return;
    struct buf json;
    struct json_writer w;
    buf_init(&json, 4096);
    if (pin ? event->count != NO_COUNT : event->up) {
        json_init(&w, &json);
        json_object(&w);
        if (pin)
            json_member_int(&w, "replicas", event->count);
        if (event->until_wall_ns != TIME_NONE)
            json_member_int(&w, "until", event->until_wall_ns);
        json_member_text(&w, "reason", event->text == NULL ? "" : event->text);
        json_member_text(&w, "who", who);
        json_object_end(&w);
    }
    put(control, pin ? KIND_PIN : KIND_PAUSE, event->pool, buf_view(&json));
    buf_done(&json);
}

void history_startups(struct control *control, size_t pool)
{
    int64_t span_ns[STARTUPS_KEPT];
    const size_t count = reconcile_startups(control->reconcile, pool, span_ns);
    struct buf json;
    struct json_writer w;
    buf_init(&json, 4096);
    json_init(&w, &json);
    json_array(&w);
    for (size_t i = 0; i < count; i++)
        json_int(&w, span_ns[i]);
    json_array_end(&w);
    put(control, KIND_STARTUPS, control_pool_name(control, pool), buf_view(&json));
    buf_done(&json);
}

static void put_event(struct control *control, const char *pool, const char *code,
                      const struct buf *json)
{
    const struct store_event event = {.wall_ns = control_wall_ns(control),
                                      .pool = pool == NULL ? "" : pool,
                                      .code = code,
                                      .json = buf_view(json)};
    if (control->store != NULL && !control->read_only)
        (void)store_writer_event(control->store, &event); /* counted by the writer */
}

/* How long each phase of a start took, from the order on. */
static void write_phases(struct json_writer *w, const struct replica_row *row)
{
    for (int phase = 0; phase < PHASE_COUNT; phase++)
        if (row->phase_ns[phase] != TIME_NONE)
            json_member_int(w, replica_phase_name((enum replica_phase)phase),
                            row->phase_ns[phase] - row->ordered_ns);
    if (row->ready_ns != TIME_NONE)
        json_member_int(w, "ready", row->ready_ns - row->ordered_ns);
}

/* A row of its own, kept longer than the event. */
static void put_start(struct control *control, const struct replica_row *row)
{
    struct buf json;
    struct json_writer w;
    if (control->store == NULL || control->read_only)
        return;
    buf_init(&json, 4096);
    json_init(&w, &json);
    json_object(&w);
    json_member_int(&w, "replica", (int64_t)row->id);
    json_member_int(&w, "class", row->class_);
    json_key(&w, "phasesNs");
    json_object(&w);
    write_phases(&w, row);
    json_object_end(&w);
    json_object_end(&w);
    (void)store_writer_series(control->store, SERIES_START, control_pool_name(control, row->pool),
                              control_wall_ns(control), buf_view(&json)); /* counted there */
    buf_done(&json);
}

void history_note(struct control *control, const struct action *action)
{
    struct buf json;
    struct json_writer w;
    const struct replica_row *row = reconcile_replica(control->reconcile, action->replica);
    buf_init(&json, 4096);
    json_init(&w, &json);
    json_object(&w);
    if (action->replica != 0)
        json_member_int(&w, "replica", (int64_t)action->replica);
    json_member_text(&w, "text", action->text);
    if (row != NULL && strcmp(action->code, "replica-ready") == 0) {
        json_key(&w, "startupNs");
        json_object(&w);
        write_phases(&w, row);
        json_object_end(&w);
        if (row->ready_ns == row->changed_ns) /* for the first time */
            put_start(control, row);
    }
    json_object_end(&w);
    put_event(control, control_pool_name(control, action->pool), action->code, &json);
    buf_done(&json);
}

static const char *const operations[] = {
    [EVENT_PIN] = "pin", [EVENT_PAUSE] = "pause", [EVENT_STOP_REPLICA] = "stop-replica"};

/* Who said what and what became of it, also of what was refused. */
void history_audit(struct control *control, const struct event *event, const char *who,
                   enum rc outcome)
{
    struct buf json;
    struct json_writer w;
    const char *what =
        event->kind < (enum event_kind)COUNT_OF(operations) ? operations[event->kind] : NULL;
    buf_init(&json, 4096);
    json_init(&w, &json);
    json_object(&w);
    json_member_text(&w, "who", who);
    json_member_text(&w, "what", what == NULL ? "other" : what);
    if (event->kind == EVENT_PIN && event->count != NO_COUNT)
        json_member_int(&w, "replicas", event->count);
    if (event->kind == EVENT_PAUSE)
        json_member_bool(&w, "paused", event->up);
    if (event->replica != 0)
        json_member_int(&w, "replica", (int64_t)event->replica);
    if (event->until_wall_ns != 0 && event->until_wall_ns != TIME_NONE)
        json_member_int(&w, "untilNs", event->until_wall_ns);
    json_member_text(&w, "reason", event->text == NULL ? "" : event->text);
    json_member_text(&w, "outcome", rc_name(outcome));
    json_object_end(&w);
    put_event(control, event->pool, "operated", &json);
    buf_done(&json);
}

void control_audit(struct control *control, const char *who, const char *what, const char *pool,
                   const char *text)
{
    struct buf json;
    struct json_writer w;
    buf_init(&json, 4096);
    json_init(&w, &json);
    json_object(&w);
    json_member_text(&w, "who", who);
    json_member_text(&w, "what", what);
    json_member_text(&w, "reason", text);
    json_member_text(&w, "outcome", rc_name(RC_OK));
    json_object_end(&w);
    put_event(control, pool, "operated", &json);
    buf_done(&json);
}

static void print_record(struct control *control, const struct tick_record *record)
{
    struct json_writer w;
    for (size_t i = 0; i < COUNT_OF(control->text); i++)
        buf_clear(&control->text[i]);
    json_init(&w, &control->text[0]);
    json_array(&w);
    for (size_t i = 0; i < record->sample_count; i++)
        sample_print(record->spec, &record->samples[i], &w);
    json_array_end(&w);
    json_init(&w, &control->text[1]);
    observation_print(record->spec, record->observation, &w);
    json_init(&w, &control->text[2]);
    json_array(&w);
    for (size_t i = 0; i < group_pool_count(record->spec); i++)
        decision_print(record->spec, i, &record->decision[i], &w);
    json_array_end(&w);
}

static struct group_memory *memory_of(struct control *control, size_t group)
{
    const size_t before = control->memory_count;
    void *array = control->memory;
    if (group >= before && mem_grow(&array, &control->memory_count, group + 1,
                                    sizeof(struct group_memory), CONFIG_POOLS_MAX) != RC_OK)
        return NULL;
    control->memory = array;
    for (size_t i = before; i < control->memory_count; i++)
        control->memory[i] = (struct group_memory){.state_ns = TIME_NONE, .tick_ns = TIME_NONE};
    return &control->memory[group];
}

/* ---- accounts ---- */

static void take_row(void *user, enum store_series series, const char *pool, int64_t wall_ns,
                     struct span json)
{
    struct control *control = user;
    (void)store_writer_series(control->store, series, pool, wall_ns, json); /* counted there */
}

static void take_bill(void *user, const struct store_bill *bill)
{
    struct control *control = user;
    (void)store_writer_bill(control->store, bill); /* counted there */
}

static bool read_totals(void *user, const char *pool, struct pool_totals *ret)
{
    const struct control *control = user;
    struct pool_status status;
    const int index = reconcile_pool_find(control->reconcile, span_from(pool));
    if (index < 0)
        return false;
    reconcile_pool_status(control->reconcile, (size_t)index, &status);
    *ret = status.total;
    return true;
}

/* A changed configuration may have put other pools in the place of a group. */
static void begin_account(const struct control *control, struct account *account, const char *pool)
{
    size_t i = 0;
    while (i < control->paid_count && strcmp(control->paid[i].pool, pool) != 0)
        i++;
    const struct paid *paid = i < control->paid_count ? &control->paid[i] : NULL;
    account_init(account, pool, paid != NULL ? paid->day : 0, paid != NULL ? paid->cost : 0);
}

static struct account *accounts_of(const struct control *control, struct group_memory *memory,
                                   const struct group_spec *group)
{
    const size_t count = group_pool_count(group);
    if (memory->accounts != count) {
        free(memory->account);
        memory->account = mem_new(count, sizeof(*memory->account));
        memory->accounts = memory->account != NULL ? count : 0;
    }
    for (size_t i = 0; i < memory->accounts; i++)
        if (strcmp(memory->account[i].pool, group_pool(group, i)->name) != 0)
            begin_account(control, &memory->account[i], group_pool(group, i)->name);
    return memory->account;
}

static void add_up(struct control *control, struct group_memory *memory,
                   const struct tick_record *record)
{
    const struct accounts_out out = {
        .user = control, .row = take_row, .bill = take_bill, .totals = read_totals};
    struct account *account = accounts_of(control, memory, record->spec);
    for (size_t i = 0; i < memory->accounts; i++)
        account_record(&account[i], record, i, &out);
}

void history_done(struct control *control)
{
    const struct accounts_out out = {
        .user = control, .row = take_row, .bill = take_bill, .totals = read_totals};
    const bool writes = control->store != NULL && !control->read_only;
    for (size_t i = 0; writes && i < control->memory_count; i++) {
        const struct group_spec *group = reconcile_group_of(control->reconcile, i);
        struct group_memory *memory = &control->memory[i];
        for (size_t k = 0; group != NULL && k < memory->accounts && k < group_pool_count(group);
             k++)
            if (strcmp(memory->account[k].pool, group_pool(group, k)->name) == 0)
                account_close(&memory->account[k], group_pool(group, k), &out);
    }
    for (size_t i = 0; i < control->memory_count; i++)
        free(control->memory[i].account);
    free(control->memory);
    free(control->paid);
}

struct control_money control_money(const struct control *control, size_t group, size_t in_group)
{
    const struct group_memory *memory =
        group < control->memory_count ? &control->memory[group] : NULL;
    if (memory == NULL || in_group >= memory->accounts)
        return (struct control_money){.since_start = NAN, .today = NAN};
    const struct account *account = &memory->account[in_group];
    return (struct control_money){.since_start = account->cost_ever, .today = account->cost_day};
}

/* ---- ticks ---- */

/* Nothing runs, nothing comes, nothing is wanted: one such tick is like the one before. */
static bool is_at_rest(const struct tick_record *record)
{
    for (size_t i = 0; i < group_pool_count(record->spec); i++) {
        const struct pool_observation *seen = &record->observation->pool[i];
        if (record->decision[i].desired != 0 || record->decision[i].previous != 0 ||
            seen->actual_count + seen->draining > 0)
            return false;
    }
    return !record->changed;
}

static bool is_due(int64_t last_ns, int64_t every_ns, int64_t now_ns)
{
    return last_ns == TIME_NONE || now_ns - last_ns >= every_ns;
}

/* The zeros at the end are not kept: a state that is hardly used is long, but says little. */
static struct span told_part(struct span state)
{
    return span_of(state.ptr, mem_used(state.ptr, state.len));
}

/* R17: everything that is needed to work the decision out again. */
void history_record(struct control *control, const struct tick_record *record)
{
    if (control->store == NULL || control->read_only)
        return;
    const int64_t now_ns = record->observation->now_ns;
    struct group_memory *memory = memory_of(control, record->group);
    const bool rests = is_at_rest(record);
    if (memory != NULL)
        add_up(control, memory, record);
    if (memory == NULL || (rests && !is_due(memory->tick_ns, IDLE_RECORD_EVERY_NS, now_ns)))
        return;
    memory->tick_ns = now_ns;
    print_record(control, record);
    const struct store_tick tick = {.wall_ns = record->observation->wall_ns,
                                    .now_ns = now_ns,
                                    .group = group_name(record->spec),
                                    .config_hash = record->config_hash,
                                    .cause = record->observation->cause,
                                    .changed = record->changed,
                                    .state = told_part(record->before),
                                    .samples = buf_view(&control->text[0]),
                                    .observation = buf_view(&control->text[1]),
                                    .decision = buf_view(&control->text[2])};
    (void)store_writer_tick(control->store, &tick); /* counted by the writer */
    if (!record->changed && !is_due(memory->state_ns, STATE_EVERY_NS, now_ns))
        return;
    memory->state_ns = now_ns;
    (void)store_writer_state(control->store, tick.group, record->config_hash, now_ns,
                             told_part(record->after));
}
