/* What is not as it should be: a list that the API shows and the log tells once. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control/control_internal.h"
#include "io/clock.h"

static struct condition *find(struct control *control, const char *name, const char *pool)
{
    for (size_t i = 0; i < control->condition_count; i++)
        if (strcmp(control->condition[i].name, name) == 0 &&
            strcmp(control->condition[i].pool, pool) == 0)
            return &control->condition[i];
    return NULL;
}

void condition_set(struct control *control, const char *name, const char *pool, bool holds,
                   const char *format, ...)
{
    struct condition *found = find(control, name, pool);
    if (!holds) {
        if (found != NULL) {
            notify_condition(control, found, false);
            *found = control->condition[--control->condition_count];
        }
        return;
    }
    const bool fresh = found == NULL;
    if (fresh) {
        if (control->condition_count == CONDITIONS_MAX)
            return;
        found = &control->condition[control->condition_count++];
        *found = (struct condition){.since_wall_ns = clock_wall_ns()};
        (void)span_copy(span_from(name), found->name, sizeof(found->name));
        (void)span_copy(span_from(pool), found->pool, sizeof(found->pool));
    }
    va_list args;
    va_start(args, format);
    (void)vsnprintf(found->text, sizeof(found->text), format, args);
    va_end(args);
    if (fresh)
        notify_condition(control, found, true);
    if (fresh)
        log_event(control->log, LOG_PROBLEM, LOG_TEXT("condition", name), LOG_TEXT("pool", pool),
                  LOG_TEXT("text", found->text));
}

static void look_at_store(struct control *control)
{
    struct store_writer_status status;
    if (control->store == NULL) {
        condition_set(control, "StateNotDurable", "", true, "%s", control->store_text);
        return;
    }
    store_writer_status(control->store, &status);
    condition_set(control, "StateNotDurable", "", !status.durable || control->read_only, "%s",
                  control->read_only ? "the state file cannot be written by this version or user"
                                     : status.error);
}

static const char *colon_before(const char *text)
{
    return text[0] != '\0' ? ": " : "";
}

static void look_at_pool(struct control *control, size_t pool)
{
    struct pool_status status;
    reconcile_pool_status(control->reconcile, pool, &status);
    condition_set(control, "StartFailed", status.name, status.start_failed, "%s", status.text);
    condition_set(control, "ReplicasBlocked", status.name,
                  !status.start_failed && status.count[REPLICA_BLOCKED] > 0,
                  "%lld replicas are blocked: %s", (long long)status.count[REPLICA_BLOCKED],
                  status.text);
    condition_set(control, "GatewaySilent", status.name, status.gateway_silent,
                  "the gateway did not answer in the last tick: nothing is lowered");
    condition_set(control, "Paused", status.name, status.paused, "a person paused it%s%s",
                  colon_before(status.pause_text), status.pause_text);
    condition_set(control, "Pinned", status.name, status.pin_count != NO_COUNT,
                  "a person set %lld%s%s", (long long)status.pin_count,
                  colon_before(status.pin_text), status.pin_text);
}

void conditions_look(struct control *control)
{
    look_at_store(control);
    notify_look(control);
    for (size_t i = 0; i < reconcile_pool_count(control->reconcile); i++)
        look_at_pool(control, i);
}

size_t control_condition_count(const struct control *control)
{
    return control->condition_count;
}

const struct condition *control_condition(const struct control *control, size_t index)
{
    return index < control->condition_count ? &control->condition[index] : NULL;
}
