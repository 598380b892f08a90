#include "sim/trace.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ZLIB_CONST
#include <zlib.h>

#include "base/mem.h"
#include "sim/trace_format.h"

#define INFLATE_BYTES (64U << 10)

enum packing { PACKING_UNKNOWN, PACKING_PLAIN, PACKING_GZIP };

struct trace {
    struct span input; /* of the caller, not yet used */
    bool input_ended;
    enum packing packing;
    z_stream zip;
    bool zip_open;
    bool zip_member_ended;
    unsigned char *unpacked; /* INFLATE_BYTES */
    struct span text;        /* unpacked bytes, not yet used */
    struct buf line;         /* a line that began in an earlier piece */
    bool line_taken;         /* `line` was handed out and is dropped next */
    uint32_t line_number;
    struct trace_layout layout;
    struct block_set blocks;
    uint64_t rows;
    int64_t first_ns;
    int64_t last_ns;
    struct trace_row first_row; /* read while looking for the kind */
    bool first_row_kept;
    enum rc refused;
    struct diag why;
};

struct trace *trace_new(void)
{
    struct trace *trace = mem_new(1, sizeof *trace);
    if (trace == NULL)
        return NULL;
    trace->unpacked = mem_new(INFLATE_BYTES, 1);
    if (trace->unpacked == NULL) {
        free(trace);
        return NULL;
    }
    buf_init(&trace->line, TRACE_LINE_BYTES_MAX);
    return trace;
}

void trace_free(struct trace *trace)
{
    if (trace == NULL)
        return;
    if (trace->zip_open)
        (void)inflateEnd(&trace->zip); /* nothing to learn from it */
    buf_done(&trace->line);
    block_set_done(&trace->blocks);
    free(trace->unpacked);
    free(trace);
}

void trace_feed(struct trace *trace, struct span bytes)
{
    trace->input = bytes;
}

void trace_feed_end(struct trace *trace)
{
    trace->input_ended = true;
}

const char *trace_format_name(const struct trace *trace)
{
    return trace->layout.format != NULL  ? trace->layout.format->name
           : trace->layout.total != NULL ? trace->layout.total->name
                                         : "";
}

static enum rc open_zip(struct trace *trace, struct diag *diag)
{
    if (inflateInit2(&trace->zip, 15 + 16) != Z_OK)
        return fail(diag, RC_NO_MEMORY, "out of memory for gzip");
    trace->zip_open = true;
    return RC_OK;
}

/* A gzip file begins with 1f 8b; no text does. */
static enum rc find_packing(struct trace *trace, struct diag *diag)
{
    if ((unsigned char)trace->input.ptr[0] != 0x1f) {
        trace->packing = PACKING_PLAIN;
        return RC_OK;
    }
    trace->packing = PACKING_GZIP;
    return open_zip(trace, diag);
}

/* RC_OK: trace->text has bytes. RC_AGAIN: input is needed. RC_NOT_FOUND: no more comes. */
static enum rc unzip(struct trace *trace, struct diag *diag)
{
    if (trace->zip_member_ended && trace->input.len > 0) {
        trace->zip_member_ended = false; /* another member follows */
        if (inflateReset(&trace->zip) != Z_OK)
            return fail(diag, RC_CORRUPT, "gzip data is damaged");
    }
    const bool dry = trace->input.len == 0;
    trace->zip.next_in = (const Bytef *)trace->input.ptr;
    trace->zip.avail_in = trace->input.len < (1U << 30) ? (uInt)trace->input.len : 1U << 30;
    trace->zip.next_out = trace->unpacked;
    trace->zip.avail_out = INFLATE_BYTES;
    const uInt offered = trace->zip.avail_in;
    const int result = trace->zip_member_ended ? Z_BUF_ERROR : inflate(&trace->zip, Z_NO_FLUSH);
    const size_t used = offered - trace->zip.avail_in;
    trace->input = span_slice(trace->input, used, trace->input.len - used);
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
        return fail(diag, RC_CORRUPT, "gzip data is damaged after line %" PRIu32 ": %s",
                    trace->line_number, trace->zip.msg != NULL ? trace->zip.msg : "no reason");
    if (result == Z_STREAM_END)
        trace->zip_member_ended = true;
    const size_t made = INFLATE_BYTES - trace->zip.avail_out;
    trace->text = span_of(trace->unpacked, made);
    if (made > 0 || !dry)
        return RC_OK;
    if (!trace->input_ended)
        return RC_AGAIN;
    if (!trace->zip_member_ended)
        return fail(diag, RC_CORRUPT, "gzip data is cut off after line %" PRIu32,
                    trace->line_number);
    return RC_NOT_FOUND;
}

static enum rc unpack(struct trace *trace, struct diag *diag)
{
    if (trace->input.len > 0 && trace->packing == PACKING_UNKNOWN) {
        enum rc rc = find_packing(trace, diag);
        if (rc != RC_OK)
            return rc;
    }
    if (trace->packing == PACKING_GZIP)
        return unzip(trace, diag);
    if (trace->input.len == 0)
        return trace->input_ended ? RC_NOT_FOUND : RC_AGAIN;
    trace->text = trace->input;
    trace->input = span_of(NULL, 0);
    return RC_OK;
}

static enum rc keep(struct trace *trace, struct span part, struct diag *diag)
{
    buf_span(&trace->line, part);
    if (!trace->line.failed)
        return RC_OK;
    return fail(diag, RC_LIMIT, "the line is longer than %u bytes", TRACE_LINE_BYTES_MAX);
}

/* The next line without its end; valid until the next call. */
static enum rc next_line(struct trace *trace, struct span *ret, struct diag *diag)
{
    if (trace->line_taken) {
        buf_clear(&trace->line);
        trace->line_taken = false;
    }
    for (;;) {
        const size_t end = span_find_byte(trace->text, '\n', 0);
        if (end != SIZE_MAX) {
            struct span part = span_slice(trace->text, 0, end);
            trace->text = span_slice(trace->text, end + 1, trace->text.len - end - 1);
            trace->line_number++;
            if (trace->line.len > 0) {
                enum rc rc = keep(trace, part, diag);
                if (rc != RC_OK)
                    return rc;
                part = buf_view(&trace->line);
                trace->line_taken = true;
            }
            *ret = part;
            return RC_OK;
        }
        if (trace->text.len > 0) {
            enum rc rc = keep(trace, trace->text, diag);
            if (rc != RC_OK)
                return rc;
            trace->text = span_of(NULL, 0);
        }
        enum rc rc = unpack(trace, diag);
        if (rc == RC_NOT_FOUND && trace->line.len > 0) { /* the last line has no line feed */
            trace->line_number++;
            trace->line_taken = true;
            *ret = buf_view(&trace->line);
            return RC_OK;
        }
        if (rc != RC_OK)
            return rc;
    }
}

static struct span clean(struct span line, bool first)
{
    if (first && span_starts_with(line, "\xef\xbb\xbf"))
        line = span_slice(line, 3, line.len - 3);
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    return span_trim(line);
}

/* What one line gave. */
struct item {
    struct trace_row row;
    struct trace_total total;
};

/* In order of time, counted from the first. */
static enum rc place(struct trace *trace, int64_t *at_ns, bool from_first, struct diag *diag)
{
    if (trace->rows == 0)
        trace->first_ns = *at_ns;
    else if (*at_ns < trace->last_ns)
        return fail(diag, RC_INVALID, "arrives before the line above it: sort the trace by time");
    trace->last_ns = *at_ns;
    if (from_first)
        *at_ns -= trace->first_ns;
    return RC_OK;
}

/* Takes one line that is not empty. RC_AGAIN: it was a header. */
static enum rc take_line(struct trace *trace, struct span line, struct item *ret, struct diag *diag)
{
    struct trace_layout *layout = &trace->layout;
    if (layout->format == NULL && layout->total == NULL) {
        bool header;
        const enum rc rc = trace_detect(line, layout, &header, diag);
        if (rc != RC_OK)
            return rc;
        if (header)
            return RC_AGAIN;
    }
    enum rc rc;
    if (layout->total != NULL) {
        rc = trace_parse_total(layout, line, &ret->total, diag);
        if (rc == RC_OK)
            rc = place(trace, &ret->total.start_ns, false, diag);
    } else {
        rc = layout->format->json ? trace_parse_json(layout, line, &trace->blocks, &ret->row, diag)
                                  : trace_parse_csv(layout, line, &ret->row, diag);
        if (rc == RC_OK)
            rc = place(trace, &ret->row.arrival_ns, true, diag);
    }
    trace->rows += rc == RC_OK;
    return rc;
}

/* Until a line gives something, or (`header`) the kind of the file is known. */
static enum rc pull(struct trace *trace, bool header, struct item *ret, struct diag *diag)
{
    for (;;) {
        if (header && (trace->layout.format != NULL || trace->layout.total != NULL))
            return RC_OK;
        struct span line;
        enum rc rc = next_line(trace, &line, diag);
        if (rc == RC_NOT_FOUND && trace->rows == 0)
            return fail(diag, RC_MISSING, "the trace holds no request");
        if (rc != RC_OK)
            return rc;
        line = clean(line, trace->line_number == 1);
        if (line.len == 0)
            continue;
        *ret = (struct item){.row = {0}};
        rc = take_line(trace, line, ret, diag);
        if (rc == RC_AGAIN)
            continue;
        if (rc != RC_OK) {
            diag_position(diag, trace->line_number, 0);
            return rc;
        }
        if (header) { /* a format without a header: this line is the first one */
            trace->first_row = ret->row;
            trace->first_row_kept = true;
        }
        return RC_OK;
    }
}

static enum rc pull_item(struct trace *trace, bool header, struct item *ret, struct diag *diag)
{
    if (trace->refused == RC_OK) {
        const enum rc rc = pull(trace, header, ret, &trace->why);
        if (rc == RC_OK || rc == RC_AGAIN || rc == RC_NOT_FOUND)
            return rc;
        trace->refused = rc;
    }
    if (diag != NULL)
        *diag = trace->why;
    return trace->refused;
}

enum rc trace_kind(struct trace *trace, enum trace_kind *ret, struct diag *diag)
{
    struct item item;
    const enum rc rc = pull_item(trace, true, &item, diag);
    if (rc == RC_OK)
        *ret = trace->layout.total != NULL     ? TRACE_TOTALS
               : trace->layout.format->lengths ? TRACE_LENGTHS
                                               : TRACE_REQUESTS;
    return rc;
}

static enum rc refuse_kind(struct trace *trace, const char *found, const char *wanted,
                           struct diag *diag)
{
    trace->refused = fail(&trace->why, RC_UNSUPPORTED, "this holds %s, not %s", found, wanted);
    diag_position(&trace->why, trace->line_number, 0);
    if (diag != NULL)
        *diag = trace->why;
    return trace->refused;
}

/* Of a file that may hold requests (and, if so, lengths only). */
static enum rc next_row(struct trace *trace, bool lengths, struct trace_row *ret, struct diag *diag)
{
    enum trace_kind kind;
    enum rc rc = trace_kind(trace, &kind, diag);
    if (rc != RC_OK)
        return rc;
    if (kind == TRACE_TOTALS)
        return refuse_kind(trace, "totals", "requests: `sluice simulate` expands them", diag);
    if (kind == TRACE_LENGTHS && !lengths)
        return refuse_kind(trace, "lengths", "requests: give it as --lengths", diag);
    if (trace->first_row_kept) {
        trace->first_row_kept = false;
        *ret = trace->first_row;
        return RC_OK;
    }
    struct item item;
    rc = pull_item(trace, false, &item, diag);
    if (rc == RC_OK)
        *ret = item.row;
    return rc;
}

enum rc trace_next(struct trace *trace, struct trace_row *ret, struct diag *diag)
{
    return next_row(trace, false, ret, diag);
}

enum rc trace_next_length(struct trace *trace, struct trace_row *ret, struct diag *diag)
{
    return next_row(trace, true, ret, diag);
}

enum rc trace_next_total(struct trace *trace, struct trace_total *ret, struct diag *diag)
{
    enum trace_kind kind;
    enum rc rc = trace_kind(trace, &kind, diag);
    if (rc != RC_OK)
        return rc;
    if (kind != TRACE_TOTALS)
        return refuse_kind(trace, "requests", "totals", diag);
    struct item item;
    rc = pull_item(trace, false, &item, diag);
    if (rc == RC_OK)
        *ret = item.total;
    return rc;
}

enum rc trace_read_all(struct span bytes, size_t rows_max, struct trace_row **ret_rows,
                       size_t *ret_count, struct diag *diag)
{
    struct trace *trace = trace_new();
    if (trace == NULL)
        return fail(diag, RC_NO_MEMORY, "out of memory");
    trace_feed(trace, bytes);
    trace_feed_end(trace);
    void *rows = NULL;
    size_t cap = 0;
    size_t count = 0;
    struct trace_row row;
    enum rc rc;
    while ((rc = trace_next(trace, &row, diag)) == RC_OK) {
        rc = mem_grow(&rows, &cap, count + 1, sizeof row, rows_max);
        if (rc != RC_OK) {
            (void)fail(diag, rc, "the trace has more rows than fit");
            break;
        }
        ((struct trace_row *)rows)[count++] = row;
    }
    trace_free(trace);
    if (rc != RC_NOT_FOUND) {
        free(rows);
        return rc;
    }
    *ret_rows = rows;
    *ret_count = count;
    return RC_OK;
}
