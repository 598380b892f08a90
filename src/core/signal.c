#include "core/signal.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "base/opt.h"

#define QUANTILE_DIGITS_MAX 6

static const struct signal_row rows[] = {
#define SIGNAL_ROW(id, name, unit, fold, demand, ceiling)                                          \
    {name, unit, FOLD_##fold, demand, ceiling},
    SIGNAL_MAP(SIGNAL_ROW)
#undef SIGNAL_ROW
};
static_assert(COUNT_OF(rows) == SIGNAL_COUNT, "one row per signal");

/* Names as a person may write them: a quantile needs its number, an external signal its name. */
static const char *const written[] = {
#define SIGNAL_WRITTEN(id, name, unit, fold, demand, ceiling) name,
    SIGNAL_MAP(SIGNAL_WRITTEN)
#undef SIGNAL_WRITTEN
        "ttft-p50",
    "ttft-p95",
    "ttft-p99",
    "itl-p50",
    "itl-p95",
    "itl-p99",
    "e2e-p50",
    "e2e-p95",
    "e2e-p99",
    "queue-time-p50",
    "queue-time-p95",
    "queue-time-p99",
};

const struct signal_row *signal_row(enum signal_id id)
{
    assert((size_t)id < SIGNAL_COUNT);
    return &rows[id];
}

/* "95" is 0.95, "999" is 0.999, "5" is 0.05: two digits are percent, every further digit a place
 * behind the point. "0" and all zeros are no quantile. */
static bool quantile_of(struct span digits, double *ret)
{
    if (digits.len == 0 || digits.len > QUANTILE_DIGITS_MAX)
        return false;
    int64_t number = 0;
    if (num_parse_int(digits, &number) != RC_OK || number <= 0 || digits.ptr[0] == '-')
        return false;
    int64_t scale = 100;
    for (size_t i = 2; i < digits.len; i++)
        scale *= 10;
    if (number >= scale)
        return false;
    *ret = (double)number / (double)scale;
    return true;
}

static enum rc parse_external(struct span text, struct signal_ref *ret, struct diag *diag)
{
    const struct span name = span_slice(text, strlen(rows[SIGNAL_EXTERNAL].name), text.len);
    struct signal_ref ref = {.id = SIGNAL_EXTERNAL};
    if (name.len == 0)
        return fail(diag, RC_MISSING, "an external signal needs a name: \"external:NAME\"");
    if (!span_copy(name, ref.external, sizeof(ref.external)))
        return fail(diag, RC_LIMIT, "the name of an external signal has at most %d bytes",
                    NAME_SIZE - 1);
    *ret = ref;
    return RC_OK;
}

enum rc signal_parse(struct span text, struct signal_ref *ret, struct diag *diag)
{
    if (span_starts_with(text, rows[SIGNAL_EXTERNAL].name))
        return parse_external(text, ret, diag);
    for (size_t i = 0; i < SIGNAL_EXTERNAL; i++) {
        struct signal_ref ref = {.id = (enum signal_id)i};
        if (rows[i].fold != FOLD_QUANTILE) {
            if (!span_equal_text(text, rows[i].name))
                continue;
            *ret = ref;
            return RC_OK;
        }
        const size_t stem = strlen(rows[i].name) - strlen("-p");
        if (text.len == stem && memcmp(text.ptr, rows[i].name, stem) == 0)
            return fail(diag, RC_UNKNOWN, "\"%.*s\" needs a quantile: write %s95", SPAN_ARG(text),
                        rows[i].name);
        if (!span_starts_with(text, rows[i].name))
            continue;
        const struct span digits = span_slice(text, strlen(rows[i].name), text.len);
        if (!quantile_of(digits, &ref.quantile))
            return fail(diag, RC_RANGE,
                        "\"%.*s\" names no quantile: write %s50, %s95 or %s999 (99.9 %%)",
                        SPAN_ARG(text), rows[i].name, rows[i].name, rows[i].name);
        *ret = ref;
        return RC_OK;
    }
    const char *near = name_nearest(text, written, COUNT_OF(written));
    if (near != NULL)
        return fail(diag, RC_UNKNOWN, "signal \"%.*s\" is not known; did you mean \"%s\"?",
                    SPAN_ARG(text), near);
    return fail(diag, RC_UNKNOWN,
                "signal \"%.*s\" is not known; names of your own are written \"external:NAME\"",
                SPAN_ARG(text));
}

/* The digits of a quantile, without the trailing zeros that a third and later place may have. */
static void print_quantile(double quantile, char ret_text[QUANTILE_DIGITS_MAX + 1])
{
    int64_t scale = 100;
    int digits = 2;
    while (digits < QUANTILE_DIGITS_MAX &&
           fabs(rint(quantile * (double)scale) - quantile * (double)scale) > 1e-6) {
        scale *= 10;
        digits++;
    }
    const int64_t number = num_to_int(rint(quantile * (double)scale), 0, 999999);
    (void)snprintf(ret_text, QUANTILE_DIGITS_MAX + 1, "%0*d", digits, (int)number);
}

bool signal_named(struct span name, struct signal_ref *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (signal_parse(name, ret, NULL) == RC_OK)
        return true;
    memset(ret, 0, sizeof(*ret));
    ret->id = SIGNAL_EXTERNAL;
    return span_copy(name, ret->external, sizeof(ret->external));
}

void signal_print(const struct signal_ref *ref, char *ret_text, size_t size)
{
    const struct signal_row *row = signal_row(ref->id);
    char digits[QUANTILE_DIGITS_MAX + 1] = "";
    if (row->fold == FOLD_QUANTILE)
        print_quantile(ref->quantile, digits);
    (void)snprintf(ret_text, size, "%s%s", row->name,
                   ref->id == SIGNAL_EXTERNAL ? ref->external : digits);
}

bool signal_ref_equal(const struct signal_ref *a, const struct signal_ref *b)
{
    return a->id == b->id && !(a->quantile < b->quantile) && !(a->quantile > b->quantile) &&
           strcmp(a->external, b->external) == 0;
}
