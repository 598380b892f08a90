#include "control/control.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/duration.h"
#include "control/control_internal.h"
#include "io/clock.h"

/* ---- the turn ---- */

void control_turn_soon(struct control *control)
{
    loop_defer(control->loop, &control->turn);
}

void control_event(struct control *control, const struct event *event)
{
    struct diag diag = {0};
    if (control->reconcile == NULL)
        return;
    const enum rc rc = reconcile_event(control->reconcile, event, control_now_ns(control),
                                       control_wall_ns(control), &diag);
    if (rc != RC_OK && rc != RC_UNKNOWN)
        log_event(control->log, LOG_PROBLEM, LOG_TEXT("what", "event"),
                  LOG_TEXT("code", rc_name(rc)), LOG_TEXT("text", diag.text));
    control_turn_soon(control);
}

void control_tell_known(struct control *control)
{
    feed_tell_known(control);
    actions_rooms(control);
    schedules_tell(control);
    control_event(control, &(struct event){.kind = EVENT_SCANNED, .pool = ""});
}

static void on_turn(struct task *task)
{
    struct control *control =
        (struct control *)(void *)((char *)task - offsetof(struct control, turn));
    actions_run(control);
    if (!control->reload_wanted)
        return;
    reload_now(control); /* between ticks: nothing waits to be carried out */
    actions_run(control);
}

static void on_wake(void *user)
{
    actions_run(user);
}

/* R7: intervals do not notice; people should. */
static void look_at_wall(struct control *control)
{
    const int64_t difference_ns = clock_wall_ns() - clock_monotonic_ns();
    const int64_t jump_ns = difference_ns - control->wall_minus_mono_ns;
    control->wall_minus_mono_ns = difference_ns;
    if (jump_ns > WALL_JUMP_NS || jump_ns < -WALL_JUMP_NS)
        log_event(control->log, LOG_CLOCK_JUMP, LOG_TIME("by", jump_ns));
}

static void on_chore(void *user)
{
    struct control *control = user;
    timer_after(&control->chore, control->stopping ? STOP_LOOK_NS : CHORES_EVERY_NS);
    look_at_wall(control);
    conditions_look(control);
    schedules_tell(control);
    certificate_look(control);
    if (control->gateway_behind)
        reload_gateway(control);
    stop_look(control);
}

/* ---- news from around ---- */

void control_on_message(void *user, const struct message *message)
{
    const struct event event = {.kind = EVENT_MESSAGE, .message = message};
    control_event(user, &event);
}

void control_on_news(void *user, const struct replica_news *news)
{
    struct control *control = user;
    const struct event event = {.kind = EVENT_NEWS, .news = news};
    control_event(control, &event);
    switch (news->kind) {
    case NEWS_FOUND:
    case NEWS_PHASE:
    case NEWS_READY:
        history_replica(control, news->replica, true);
        return;
    case NEWS_REFUSED:
    case NEWS_FAILED:
    case NEWS_GONE:
        history_replica(control, news->replica, false);
        stop_look(control);
        return;
    case NEWS_UNREADY:
        return;
    }
}

void control_on_room(void *user)
{
    struct control *control = user;
    if (control->reconcile != NULL)
        actions_rooms(control);
}

/* ---- life ---- */

/* Engine output lies beside the state file. */
static void choose_paths(struct control *control)
{
    const char *state =
        control->options.state != NULL ? control->options.state : control->setting->config->state;
    (void)span_copy(span_from(state), control->state_path, sizeof(control->state_path));
    (void)span_copy(span_from(state), control->log_folder, sizeof(control->log_folder));
    char *slash = strrchr(control->log_folder, '/');
    if (slash == NULL)
        (void)span_copy(span_from("."), control->log_folder, sizeof(control->log_folder));
    else if (slash != control->log_folder)
        *slash = '\0';
}

static enum rc make_timers(struct control *control)
{
    enum rc rc = timer_init(&control->wake, control->loop, on_wake, control);
    if (rc == RC_OK)
        rc = timer_init(&control->chore, control->loop, on_chore, control);
    return rc;
}

enum rc control_new(struct loop *loop, struct config *config, const struct control_options *options,
                    struct control **ret, struct diag *diag)
{
    struct control *control = mem_new(1, sizeof(*control));
    if (control == NULL) {
        config_free(config);
        return fail(diag, RC_NO_MEMORY, "no memory left");
    }
    control->loop = loop;
    control->options = *options;
    control->log = options->log;
    control->turn.run = on_turn;
    control->lock_fd = -1;
    control->started_wall_ns = clock_wall_ns();
    control->wall_minus_mono_ns = control->started_wall_ns - clock_monotonic_ns();
    for (size_t i = 0; i < COUNT_OF(control->text); i++)
        buf_init(&control->text[i], RECORD_BYTES_MAX);
    enum rc rc = setting_new(config, &control->setting, diag);
    if (rc == RC_OK) {
        control->generation = 1;
        control->first = setting_ref(control->setting);
        choose_paths(control);
        rc = make_timers(control);
    }
    if (rc == RC_OK)
        rc = start_all(control, diag);
    if (rc != RC_OK) {
        control_free(control);
        return rc;
    }
    *ret = control;
    return RC_OK;
}

void control_free(struct control *control)
{
    if (control == NULL)
        return;
    reload_watch_done(control);
    history_done(control);
    timer_done(&control->wake);
    timer_done(&control->chore);
    gateway_thread_free(control->gateway);
    certificate_done(control); /* the gateway used it */
    reload_done(control);
    feed_done(control);
    targets_free(control->targets);
    reconcile_free(control->reconcile);
    store_writer_free(control->store);
    setting_unref(control->setting);
    setting_unref(control->first);
    for (size_t i = 0; i < COUNT_OF(control->text); i++)
        buf_done(&control->text[i]);
    if (control->lock_fd >= 0)
        (void)close(control->lock_fd); /* the lock goes with it */
    free(control);
}

/* ---- operators and readers ---- */

enum rc control_operate(struct control *control, const struct event *event, const char *who,
                        struct diag *diag)
{
    const enum rc rc = reconcile_event(control->reconcile, event, control_now_ns(control),
                                       control_wall_ns(control), diag);
    log_event(control->log, LOG_OPERATED, LOG_TEXT("who", who),
              LOG_TEXT("pool", event->pool == NULL ? "" : event->pool),
              LOG_INT("count", event->count), LOG_INT("replica", event->replica),
              LOG_TEXT("reason", event->text == NULL ? "" : event->text),
              LOG_TEXT("outcome", rc_name(rc)));
    history_audit(control, event, who, rc);
    if (rc != RC_OK)
        return rc;
    history_word(control, event, who);
    control_turn_soon(control);
    return RC_OK;
}

const char *control_pool_name(const struct control *control, size_t pool)
{
    const char *name = reconcile_pool_name(control->reconcile, pool);
    return name == NULL ? "" : name;
}

const struct reconcile *control_reconcile(const struct control *control)
{
    return control->reconcile;
}

const struct config *control_config(const struct control *control)
{
    return control->setting->config;
}

struct targets *control_targets(const struct control *control)
{
    return control->targets;
}

struct sources *control_sources(const struct control *control)
{
    return control->sources;
}

struct gateway_thread *control_gateway(const struct control *control)
{
    return control->gateway;
}

struct store_writer *control_store(const struct control *control)
{
    return control->store;
}

const char *control_state_path(const struct control *control)
{
    return control->state_path;
}

int64_t control_generation(const struct control *control)
{
    return control->generation;
}

int64_t control_step_ns(const struct control *control)
{
    return control->step_ns;
}

int64_t control_now_ns(const struct control *control)
{
    return clock_monotonic_ns() + control->axis_offset_ns;
}

int64_t control_wall_ns(const struct control *control)
{
    (void)control;
    return clock_wall_ns();
}

int64_t control_started_wall_ns(const struct control *control)
{
    return control->started_wall_ns;
}

void control_listen(struct control *control, control_action_fn *fn, void *user)
{
    control->listener = fn;
    control->listener_user = user;
}
