/* trace_format.h - one request format; the table of all stands in trace_format.c. Only for src/sim.
 */
#ifndef SLUICE_SIM_TRACE_FORMAT_H
#define SLUICE_SIM_TRACE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/block_set.h"
#include "sim/trace.h"

enum trace_column { COLUMN_ARRIVAL, COLUMN_INPUT, COLUMN_OUTPUT, COLUMN_SESSION, COLUMN_CACHED };
#define TRACE_FIELDS 5
#define TRACE_NO_COLUMN UINT32_MAX

enum trace_time { TRACE_TIME_MS, TRACE_TIME_S, TRACE_TIME_DATE };

struct trace_format {
    const char *name;
    const char *field[TRACE_FIELDS]; /* column or member names by enum trace_column; NULL: none */
    const char *blocks;              /* member with the ids of the prompt's blocks, or NULL */
    enum trace_time time;            /* of the arrival column */
    bool json;                       /* JSON lines, no header */
    bool lengths;                    /* no arrivals */
};

/* A format of totals per window. */
#define TRACE_TOTAL_FIELDS 5 /* start, requests, input, output, both */
struct total_format {
    const char *name;
    int64_t unit_ns; /* of the start */
    int64_t span_ns;
    bool rates; /* requests a second and mean lengths instead of sums */
    const char *field[TRACE_TOTAL_FIELDS];
};

/* What the first line told: exactly one of the two is set. */
struct trace_layout {
    const struct trace_format *format;
    const struct total_format *total;
    uint32_t column[TRACE_FIELDS]; /* CSV: index of the column */
};

/* Reads the first line. RC_UNKNOWN names the formats. `*ret_consumed`: it was a header. */
enum rc trace_detect(struct span line, struct trace_layout *ret, bool *ret_consumed,
                     struct diag *diag) MUST_CHECK;
/* Reads one line into a row; arrival_ns is absolute. */
enum rc trace_parse_csv(const struct trace_layout *layout, struct span line, struct trace_row *ret,
                        struct diag *diag) MUST_CHECK;
enum rc trace_parse_total(const struct trace_layout *layout, struct span line,
                          struct trace_total *ret, struct diag *diag) MUST_CHECK;
/* Cuts the next field out of a CSV line; quotes around it are taken off. A quoted field holds no
 * line break. *more: the line goes on; false: there is none. */
bool trace_next_field(struct span *rest, bool *more, struct span *ret);
/* Finds the columns; returns how many of the first `needed` names the header has. */
int trace_match_header(const char *const *field, size_t count, size_t needed, struct span header,
                       uint32_t *ret_column);
/* NULL: the line is no header of totals. */
const struct total_format *trace_detect_total(struct span line, uint32_t *ret_column);
enum rc trace_parse_json(const struct trace_layout *layout, struct span line,
                         struct block_set *blocks, struct trace_row *ret,
                         struct diag *diag) MUST_CHECK;

#endif
