/* The end: no new requests, running ones are waited for, then engines are stopped or left for the
 * next run to adopt. */
#include "base/duration.h"
#include "base/num.h"
#include "control/control_internal.h"
#include "io/clock.h"

static bool is_left(enum replica_state state)
{
    return state != REPLICA_BLOCKED && state != REPLICA_FAILED;
}

static bool engines_left(const struct control *control)
{
    const struct replica_row *row;
    for (size_t i = 0; (row = reconcile_replica_at(control->reconcile, i)) != NULL; i++)
        if (is_left(row->state))
            return true;
    return false;
}

static void stop_engines(struct control *control, bool kill)
{
    const struct replica_row *row;
    for (size_t i = 0; (row = reconcile_replica_at(control->reconcile, i)) != NULL; i++)
        if (is_left(row->state))
            targets_stop(control->targets, row->id, kill);
}

static void finish(struct control *control)
{
    control_done_fn *done = control->done;
    control->done = NULL;
    done(control->done_user);
}

/* When time is over engines get their stop signal although answers still run. */
static void tell_engines(struct control *control, bool late)
{
    control->engines_told = true;
    control_event(control, &(struct event){.kind = EVENT_SHUTDOWN, .up = true});
    actions_run(control);
    if (late)
        stop_engines(control, false);
}

void stop_look(struct control *control)
{
    if (!control->stopping || control->done == NULL)
        return;
    const bool late = clock_monotonic_ns() >= control->stop_limit_ns;
    if (!late && !control->gateway_idle)
        return;
    if (control->keep_engines) {
        finish(control);
        return;
    }
    if (!control->engines_told)
        tell_engines(control, late);
    if (!engines_left(control))
        finish(control);
}

static void hurry(struct control *control)
{
    control->stop_limit_ns = clock_monotonic_ns();
    log_event(control->log, LOG_STOPPING, LOG_TEXT("how", "at once"));
    stop_look(control);
    if (control->engines_told)
        stop_engines(control, true);
}

static void on_idle(void *user)
{
    struct control *control = user;
    control->gateway_idle = true;
    stop_look(control);
}

/* False: there is nothing to wait for. */
static bool ask_gateway(struct control *control)
{
    return control->gateway != NULL &&
           gateway_thread_stop_accepting(control->gateway, on_idle, control) == RC_OK;
}

void control_shutdown(struct control *control, bool keep_engines, int64_t drain_ns,
                      control_done_fn *done, void *user)
{
    if (control->stopping) {
        hurry(control);
        return;
    }
    control->stopping = true;
    control->keep_engines = keep_engines;
    control->stop_limit_ns = num_add_sat(clock_monotonic_ns(), drain_ns);
    control->done = done;
    control->done_user = user;
    log_event(control->log, LOG_STOPPING, LOG_TIME("drain", drain_ns));
    control->gateway_idle = !ask_gateway(control);
    if (keep_engines)
        control_event(control, &(struct event){.kind = EVENT_SHUTDOWN, .up = false});
    timer_after(&control->chore, STOP_LOOK_NS);
}
