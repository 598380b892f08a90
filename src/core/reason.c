/* reason.c - stable codes and words of reasons, and the names of stages: tables only. */
#include <assert.h>
#include <stddef.h>

#include "base/rc.h"
#include "core/decision.h"

static const struct {
    const char *code;
    const char *words;
} reasons[] = {
    /* clang-format off: version 14 stumbles over an included table */
    {"none", ""},
#define REASON(id, code, words) {code, words},
#include "core/reason.def"
#undef REASON
    /* clang-format on */
};
static_assert(COUNT_OF(reasons) == REASON_COUNT, "one row per reason");

static const char *const stages[] = {
#define STAGE_NAME(id, name) name,
    STAGE_MAP(STAGE_NAME)
#undef STAGE_NAME
};

const char *reason_code(enum reason reason)
{
    assert((size_t)reason < REASON_COUNT);
    return reasons[reason].code;
}

const char *reason_words(enum reason reason)
{
    assert((size_t)reason < REASON_COUNT);
    return reasons[reason].words;
}

const char *stage_name(enum stage_id stage)
{
    assert((size_t)stage < STAGE_COUNT);
    return stages[stage];
}

enum reason reason_find(struct span code)
{
    size_t i = 0;
    while (i < REASON_COUNT && !span_equal_text(code, reasons[i].code))
        i++;
    return (enum reason)i;
}

enum stage_id stage_find(struct span name)
{
    size_t i = 0;
    while (i < STAGE_COUNT && !span_equal_text(name, stages[i]))
        i++;
    return (enum stage_id)i;
}
