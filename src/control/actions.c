/* What the control step asks for, done: starts and stops to the targets, messages to the gateway,
 * records to the store, notes to log and event list. */
#include <string.h>

#include "base/duration.h"
#include "control/control_internal.h"
#include "io/clock.h"

/* Notes that are more than a replica on its way. */
static const struct {
    const char *code;
    enum log_event event;
} note_events[] = {
    {"replica-failed", LOG_REPLICA_FAILED},   {"replica-given-up", LOG_REPLICA_FAILED},
    {"replica-lost", LOG_REPLICA_FAILED},     {"replica-overdue", LOG_REPLICA_FAILED},
    {"replica-refused", LOG_REPLICA_FAILED},  {"replica-drain-timeout", LOG_REPLICA_FAILED},
    {"replica-suspect", LOG_REPLICA_SUSPECT}, {"gateway-silent", LOG_SOURCE_DOWN},
    {"gateway-answers", LOG_SOURCE_UP},       {"samples-dropped", LOG_PROBLEM},
    {"ticks-skipped", LOG_TICK_OVERRUN},      {"pool-contended", LOG_PROBLEM},
    {"pool-forgotten", LOG_PROBLEM},
};

static enum log_event event_of(const char *code)
{
    for (size_t i = 0; i < COUNT_OF(note_events); i++)
        if (strcmp(note_events[i].code, code) == 0)
            return note_events[i].event;
    return LOG_REPLICA_CHANGED;
}

static void tell_note(struct control *control, const struct action *action)
{
    log_event(control->log, event_of(action->code), LOG_TEXT("what", action->code),
              LOG_TEXT("pool", control_pool_name(control, action->pool)),
              LOG_INT("replica", action->replica), LOG_TEXT("text", action->text));
    history_note(control, action);
    if (strcmp(action->code, "replica-ready") == 0)
        history_startups(control, action->pool);
}

static void tell_decisions(struct control *control, const struct tick_record *record)
{
    for (size_t i = 0; i < group_pool_count(record->spec); i++) {
        const struct decision *decision = &record->decision[i];
        if (decision->desired == decision->previous || (record->news >> i & 1) == 0)
            continue;
        struct buf words;
        buf_init(&words, 512);
        if (decision->trail_count > 0)
            trail_words(record->spec, i, &decision->trail[decision->trail_count - 1], &words);
        notify_decision(control, record, i, buf_cstr(&words));
        log_event(control->log, LOG_DECISION, LOG_TEXT("pool", group_pool(record->spec, i)->name),
                  LOG_INT("before", decision->previous), LOG_INT("after", decision->desired),
                  LOG_TEXT("why", buf_cstr(&words)));
        buf_done(&words);
    }
}

static void tell_gateway(struct control *control, const struct message *message)
{
    if (control->gateway != NULL && gateway_thread_tell(control->gateway, message) != RC_OK)
        log_event(control->log, LOG_POST_LOST, LOG_TEXT("to", "gateway"));
}

static void run_one(struct control *control, const struct action *action)
{
    switch (action->kind) {
    case ACTION_START:
        history_ids(control, action->replica);
        targets_start(control->targets, control_pool_name(control, action->pool), action->replica,
                      action->class_);
        return;
    case ACTION_STOP:
        targets_stop(control->targets, action->replica, action->kill);
        return;
    case ACTION_TELL:
        tell_gateway(control, action->message);
        return;
    case ACTION_RECORD:
        tell_decisions(control, action->record);
        history_record(control, action->record);
        break;
    case ACTION_NOTE:
        tell_note(control, action);
        break;
    }
    if (control->listener != NULL)
        control->listener(control->listener_user, action);
}

void actions_run(struct control *control)
{
    struct action action;
    int64_t begin_ns = clock_monotonic_ns();
    while (reconcile_next(control->reconcile, control_now_ns(control), control_wall_ns(control),
                          &action)) {
        const int64_t end_ns = clock_monotonic_ns();
        control->step_ns = end_ns - begin_ns;
        run_one(control, &action);
        begin_ns = clock_monotonic_ns();
    }
    const int64_t next_ns = reconcile_deadline(control->reconcile);
    if (next_ns == TIME_NONE)
        timer_stop(&control->wake);
    else
        timer_at(&control->wake, next_ns - control->axis_offset_ns);
}

void actions_rooms(struct control *control)
{
    for (size_t i = 0; i < reconcile_pool_count(control->reconcile); i++) {
        const char *pool = control_pool_name(control, i);
        const struct event event = {.kind = EVENT_ROOM,
                                    .pool = pool,
                                    .count = targets_room(control->targets, pool),
                                    .gpus_free = targets_gpus_free(control->targets)};
        control_event(control, &event);
    }
}
