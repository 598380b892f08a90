#include "engine/fault.h"

#include <stddef.h>
#include <string.h>

#include "base/duration.h"
#include "base/num.h"
#include "base/opt.h"

enum fault_kind { FAULT_SWITCH, FAULT_COUNT, FAULT_CODE, FAULT_TIME };

struct fault {
    const char *name;
    enum fault_kind kind;
    size_t offset;
    const char *value;
    const char *help;
};
#define FAULT(name_, kind_, member_, value_, help_)                                                \
    {                                                                                              \
        name_, FAULT_##kind_, offsetof(struct faults, member_), value_, help_                      \
    }

static const struct fault table[] = {
    FAULT("crash-after", COUNT, crash_after, "=N", "dies when N requests have come"),
    FAULT("crash-after-time", TIME, crash_after_ns, "=D", "dies after that time"),
    FAULT("hang-after", COUNT, hang_after, "=N", "answers nothing more when N requests have come"),
    FAULT("hang-after-time", TIME, hang_after_ns, "=D", "answers nothing more after that time"),
    FAULT("never-ready", SWITCH, never_ready, "", "loads without end"),
    FAULT("end-every", COUNT, end_every, "=N", "every Nth answer ends too early, but properly"),
    FAULT("fin-every", COUNT, fin_every, "=N", "every Nth answer is cut by a plain close"),
    FAULT("reset-every", COUNT, reset_every, "=N", "every Nth answer is cut by a reset"),
    FAULT("error-every", COUNT, error_every, "=N", "every Nth request gets status 500"),
    FAULT("wrong-every", COUNT, wrong_every, "=N", "every Nth answer has a wrong byte"),
    FAULT("ignore-sigterm", SWITCH, ignore_sigterm, "", "does not end on SIGTERM"),
    FAULT("exit-at-once", CODE, exit_at_once, "=CODE", "ends before it listens"),
    FAULT("grandchild", SWITCH, grandchild, "", "starts a process that ignores SIGTERM"),
    FAULT("log-flood", COUNT, log_flood, "=N", "prints N lines a second"),
};

static const struct fault *find(struct span name)
{
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        if (span_equal_text(name, table[i].name))
            return &table[i];
    }
    return NULL;
}

static enum rc unknown(struct span name, struct diag *diag)
{
    const char *known[COUNT_OF(table)];
    for (size_t i = 0; i < COUNT_OF(table); i++)
        known[i] = table[i].name;
    const char *near = name_nearest(name, known, COUNT_OF(table));
    return fail(diag, RC_UNKNOWN, "fault '%.*s' is not known%s%s%s", SPAN_ARG(name),
                near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
                near != NULL ? "'?" : "");
}

static enum rc read_value(const struct fault *fault, struct span text, int64_t *ret,
                          struct diag *diag)
{
    int64_t value;
    switch (fault->kind) {
    case FAULT_SWITCH:
        *ret = 1;
        return text.ptr == NULL ? RC_OK : fail(diag, RC_SYNTAX, "%s takes no value", fault->name);
    case FAULT_COUNT:
        if (num_parse_int(text, &value) != RC_OK || value < 1)
            return fail(diag, RC_SYNTAX, "%s needs a count of 1 or more", fault->name);
        *ret = value;
        return RC_OK;
    case FAULT_CODE:
        if (num_parse_int(text, &value) != RC_OK || value < 0 || value > 255)
            return fail(diag, RC_SYNTAX, "%s needs an exit code, 0 to 255", fault->name);
        *ret = value + 1;
        return RC_OK;
    case FAULT_TIME:
        if (duration_parse(text, &value) != RC_OK || value < 1)
            return fail(diag, RC_SYNTAX, "%s needs a duration like 30s", fault->name);
        *ret = value;
        return RC_OK;
    }
    return RC_OK;
}

enum rc fault_parse(const char *text, struct faults *faults, struct diag *diag)
{
    struct span name = span_from(text);
    struct span value = {0};
    const size_t equals = span_find_byte(name, '=', 0);
    if (equals != SIZE_MAX) {
        value = span_slice(name, equals + 1, name.len - equals - 1);
        name.len = equals;
    }
    const struct fault *fault = find(name);
    if (fault == NULL)
        return unknown(name, diag);
    return read_value(fault, value, (int64_t *)(void *)((char *)faults + fault->offset), diag);
}

void fault_print_help(FILE *out)
{
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        const int used = fprintf(out, "  %s%s", table[i].name, table[i].value);
        (void)fprintf(out, "%*s%s\n", used < 28 ? 28 - used : 1, "", table[i].help);
    }
}

bool fault_hits(int64_t every, int64_t request_number)
{
    return every > 0 && request_number % every == 0;
}
