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
    bool json;                       /* JSON lines, no header */
    enum trace_time time;            /* of the arrival column */
    const char *field[TRACE_FIELDS]; /* column or member names by enum trace_column; NULL: none */
    const char *blocks;              /* member with the ids of the prompt's blocks, or NULL */
};

/* What the first line told. */
struct trace_layout {
    const struct trace_format *format;
    uint32_t column[TRACE_FIELDS]; /* CSV: index of the column */
};

/* Reads the first line. RC_UNKNOWN names the formats. `*ret_consumed`: it was a header. */
enum rc trace_detect(struct span line, struct trace_layout *ret, bool *ret_consumed,
                     struct diag *diag) MUST_CHECK;
/* Reads one line into a row; arrival_ns is absolute. */
enum rc trace_parse_csv(const struct trace_layout *layout, struct span line, struct trace_row *ret,
                        struct diag *diag) MUST_CHECK;
enum rc trace_parse_json(const struct trace_layout *layout, struct span line,
                         struct block_set *blocks, struct trace_row *ret,
                         struct diag *diag) MUST_CHECK;

#endif
