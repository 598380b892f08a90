#include "api/source_view.h"

#include <stdio.h>
#include <string.h>

#include "source/sources.h"

static bool find(const struct source_cursor *cursor, size_t index, struct source_row *ret)
{
    const struct sources *sources = control_sources(cursor->control);
    for (size_t i = 0; sources_at(sources, i, ret); i++)
        if (strcmp(ret->pool, cursor->pool) == 0 && index-- == 0)
            return true;
    return false;
}

static void put_signals(const struct source_spec *spec, char *ret_text, size_t size)
{
    size_t n = 0;
    ret_text[0] = '\0';
    for (size_t i = 0; i < spec->signal_count && n < size; i++)
        n += (size_t)snprintf(ret_text + n, size - n, "%s%s", i > 0 ? ", " : "",
                              spec->signal_text[i]);
}

static const char *state_of(const struct source_status *status)
{
    if (status->rounds == 0)
        return "waiting";
    if (status->fault != SOURCE_FAULT_NONE)
        return "down";
    return status->absent ? "absent" : "up";
}

static int64_t since(const struct source_row *row, int64_t at_ns)
{
    return at_ns == TIME_NONE ? TIME_NONE : row->now_ns - at_ns;
}

bool source_next(void *user, size_t index, void *ret)
{
    struct source_cursor *cursor = user;
    struct source_row row;
    if (!find(cursor, index, &row))
        return false;
    const struct source_status *status = row.status;
    const bool down = status->fault != SOURCE_FAULT_NONE;
    put_signals(row.spec, cursor->signals, sizeof(cursor->signals));
    *(struct source_view *)ret = (struct source_view){
        .name = row.spec->name,
        .kind = source_kind_row(row.spec->kind)->name,
        .signals = cursor->signals,
        .state = state_of(status),
        .reason = down ? source_fault_name(status->fault) : NULL,
        .text = status->text[0] != '\0' ? status->text : NULL,
        .value = status->value,
        .age_ns = since(&row, status->measured_ns),
        .good_ago_ns = since(&row, status->good_ns),
        .failures = status->failures,
        .rounds = status->rounds,
        .failed_rounds = status->failed_rounds,
    };
    return true;
}
