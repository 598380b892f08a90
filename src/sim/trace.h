/* trace.h - request traces, read as a stream: bytes in, rows out, memory bounded whatever the
 * file's size.
 *
 * Formats, told apart by their first line: our CSV (arrival_ms,input_tokens,output_tokens[,...]),
 * the public Azure CSV (TIMESTAMP,ContextTokens,GeneratedTokens), BurstGPT's CSV (Timestamp,Model,
 * Request tokens,Response tokens,...) and Mooncake's JSON lines (timestamp, input_length,
 * output_length, hash_ids). Each may be gzipped. Columns may stand in any order; unknown ones are
 * skipped. Errors carry the line. Rows must be in order of arrival: a trace that is not is refused.
 * Files of totals per window (minute,requests,input_tokens,output_tokens; minute,requests,
 * total_tokens; day,...; window_start_s,req_per_s,...) and lists of lengths (input_tokens,
 * output_tokens) are read too, but give no requests: trace_kind() tells.
 *
 * Pure; one owner. Usage: trace_next() until it says RC_AGAIN, then trace_feed() the next piece, or
 * trace_feed_end(); RC_NOT_FOUND is the proper end. */
#ifndef SLUICE_SIM_TRACE_H
#define SLUICE_SIM_TRACE_H

#include <stdint.h>

#include "base/rc.h"
#include "base/span.h"

#define TRACE_LINE_BYTES_MAX (1U << 20)
#define TRACE_COLUMNS_MAX 64
#define TRACE_TOKENS_MAX (INT64_C(1) << 31) /* of one request, each way */
#define TRACE_BLOCKS_MAX (1U << 22)         /* prompt blocks whose first sight is remembered */

struct trace_row {
    int64_t arrival_ns;    /* since the first row of the file */
    int64_t input_tokens;  /* >= 0 */
    int64_t output_tokens; /* >= 0; 0: the recorded request gave no answer */
    int64_t cached_tokens; /* of the prompt that an unlimited prefix cache would hold; 0: unknown */
    uint64_t session;      /* 0: none */
};

/* Totals of one window of a file that holds no requests; NAN: not published. */
struct trace_total {
    int64_t start_ns; /* as written */
    int64_t span_ns;
    double requests;
    double input_tokens;
    double output_tokens;
    double total_tokens; /* both, where they are not told apart */
};

struct trace;

struct trace *trace_new(void); /* NULL when memory is out */
void trace_free(struct trace *trace);
/* Hands in the next piece; borrowed until trace_next() returns RC_AGAIN. Only then is the next one
 * taken. */
void trace_feed(struct trace *trace, struct span bytes);
void trace_feed_end(struct trace *trace);
/* What the file holds. RC_AGAIN: feed first; errors as of trace_next(). */
enum trace_kind { TRACE_REQUESTS, TRACE_TOTALS, TRACE_LENGTHS };
enum rc trace_kind(struct trace *trace, enum trace_kind *ret, struct diag *diag) MUST_CHECK;
/* RC_OK: *ret is a row. RC_AGAIN: feed. RC_NOT_FOUND: the trace is over. Else it is refused, with
 * words; the same refusal comes back from then on: RC_SYNTAX, RC_RANGE, RC_UNKNOWN (format),
 * RC_MISSING (no requests, a column), RC_CORRUPT (gzip), RC_INVALID (not in order), RC_LIMIT. */
enum rc trace_next(struct trace *trace, struct trace_row *ret, struct diag *diag) MUST_CHECK;
/* The same for a file of totals. */
enum rc trace_next_total(struct trace *trace, struct trace_total *ret,
                         struct diag *diag) MUST_CHECK;
/* The same for a file of requests or of lengths; of the row only the lengths are set. */
enum rc trace_next_length(struct trace *trace, struct trace_row *ret, struct diag *diag) MUST_CHECK;
/* Name of the format: "sluice", "azure", "burstgpt", "mooncake"; "" before the first line. */
const char *trace_format_name(const struct trace *trace);

/* Reads a whole trace in memory into an array that the caller frees; at most rows_max rows. */
enum rc trace_read_all(struct span bytes, size_t rows_max, struct trace_row **ret_rows,
                       size_t *ret_count, struct diag *diag) MUST_CHECK;

#endif
