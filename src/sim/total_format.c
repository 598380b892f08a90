/* Formats of totals per window: which columns, what a number in them means. */
#include <math.h>

#include "base/duration.h"
#include "base/mem.h"
#include "base/num.h"
#include "sim/trace_format.h"

#define TOTAL_MAX 1e15
#define START_MAX 1e8

enum total_column { TOTAL_START, TOTAL_REQUESTS, TOTAL_INPUT, TOTAL_OUTPUT, TOTAL_BOTH };

static const struct total_format formats[] = {
    {"minutes",
     MINUTE_NS,
     MINUTE_NS,
     false,
     {"minute", "requests", "input_tokens", "output_tokens", "total_tokens"}},
    {"days",
     DAY_NS,
     DAY_NS,
     false,
     {"day", "requests", "input_tokens", "output_tokens", "total_tokens"}},
    {"windows",
     SECOND_NS,
     10 * MINUTE_NS,
     true,
     {"window_start_s", "req_per_s", "mean_input_tokens", "mean_output_tokens", NULL}},
};

const struct total_format *trace_detect_total(struct span line, uint32_t *ret_column)
{
    for (size_t i = 0; i < COUNT_OF(formats); i++) {
        uint32_t column[TRACE_TOTAL_FIELDS];
        if (trace_match_header(formats[i].field, TRACE_TOTAL_FIELDS, 2, line, column) < 2)
            continue;
        for (size_t j = 0; j < TRACE_TOTAL_FIELDS; j++)
            ret_column[j] = column[j];
        return &formats[i];
    }
    return NULL;
}

static enum rc read_amount(const char *name, struct span text, double most, double *ret,
                           struct diag *diag)
{
    double value;
    if (text.len == 0)
        return RC_OK; /* not published */
    if (num_parse(text, &value) != RC_OK)
        return fail(diag, RC_SYNTAX, "%s is '%.*s', a number is needed", name,
                    text.len < 40 ? (int)text.len : 40, text.ptr);
    if (!(value >= 0 && value <= most))
        return fail(diag, RC_RANGE, "%s is '%.*s': negative or absurdly large", name,
                    text.len < 40 ? (int)text.len : 40, text.ptr);
    *ret = value;
    return RC_OK;
}

enum rc trace_parse_total(const struct trace_layout *layout, struct span line,
                          struct trace_total *ret, struct diag *diag)
{
    const struct total_format *format = layout->total;
    double value[TRACE_TOTAL_FIELDS] = {NAN, NAN, NAN, NAN, NAN};
    struct span field;
    bool more = true;
    for (uint32_t index = 0; trace_next_field(&line, &more, &field); index++)
        for (size_t i = 0; i < TRACE_TOTAL_FIELDS; i++) {
            if (layout->column[i] != index)
                continue;
            const enum rc rc = read_amount(
                format->field[i], field, i == TOTAL_START ? START_MAX : TOTAL_MAX, &value[i], diag);
            if (rc != RC_OK)
                return rc;
        }
    if (isnan(value[TOTAL_START]))
        return fail(diag, RC_SYNTAX, "the line has no field for %s", format->field[TOTAL_START]);
    const double span_s = seconds_of(format->span_ns);
    const double requests = value[TOTAL_REQUESTS] * (format->rates ? span_s : 1);
    const double each = format->rates ? requests : 1;
    *ret = (struct trace_total){
        .start_ns = num_to_int(rint(value[TOTAL_START] * (double)format->unit_ns), 0, INT64_MAX),
        .span_ns = format->span_ns,
        .requests = requests,
        .input_tokens = value[TOTAL_INPUT] * each,
        .output_tokens = value[TOTAL_OUTPUT] * each,
        .total_tokens = value[TOTAL_BOTH],
    };
    return RC_OK;
}
