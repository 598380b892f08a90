/* What hooks are told: the JSON of decisions and conditions. */
#include "base/duration.h"
#include "base/tree.h"
#include "control/control_internal.h"

#define BODY_BYTES_MAX 8192
#define FAILURES_SHOWN 3 /* tries in a row before it is a condition */

static void open_body(struct control *control, struct json_writer *w, struct buf *body,
                      const char *event, const char *pool)
{
    char at[DURATION_TEXT_MAX];
    buf_init(body, BODY_BYTES_MAX);
    json_init(w, body);
    (void)time_print_rfc3339(control_wall_ns(control), at);
    json_object(w);
    json_member_text(w, "event", event);
    json_member_text(w, "at", at);
    json_member_text(w, "pool", pool);
}

static void send_body(struct control *control, struct json_writer *w, struct buf *body,
                      enum notify_kind kind, const char *pool)
{
    json_object_end(w);
    if (!body->failed)
        notify_send(control->notify, kind, pool, buf_view(body));
    buf_done(body);
}

void notify_decision(struct control *control, const struct tick_record *record, size_t pool,
                     const char *words)
{
    struct json_writer w;
    struct buf body;
    const char *name = group_pool(record->spec, pool)->name;
    const struct decision *decision = &record->decision[pool];
    open_body(control, &w, &body, "decision", name);
    json_member_int(&w, "before", decision->previous);
    json_member_int(&w, "after", decision->desired);
    json_member_text(&w, "words", words);
    send_body(control, &w, &body, NOTIFY_DECISION, name);
}

void notify_condition(struct control *control, const struct condition *condition, bool holds)
{
    struct json_writer w;
    struct buf body;
    open_body(control, &w, &body, "condition", condition->pool);
    json_member_text(&w, "name", condition->name);
    json_member_bool(&w, "holds", holds);
    json_member_text(&w, "text", condition->text);
    send_body(control, &w, &body, NOTIFY_CONDITION, condition->pool);
}

void notify_look(struct control *control)
{
    struct notify_status status;
    struct notify_status worst = {0};
    for (size_t i = 0; notify_at(control->notify, i, &status); i++)
        if (status.failures > worst.failures)
            worst = status;
    condition_set(control, "NotifyFailing", "", worst.failures >= FAILURES_SHOWN,
                  "the hook %s fails: %s (%lld wait, %lld were dropped)",
                  worst.name != NULL ? worst.name : "", worst.text != NULL ? worst.text : "",
                  (long long)worst.waiting, (long long)worst.dropped);
}
