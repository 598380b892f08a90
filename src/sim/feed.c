#include "sim/feed.h"

#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/mem.h"
#include "base/num.h"
#include "sim/trace_copies.h"
#include "sim/trace_totals.h"

#define GAP_NS SECOND_NS /* between two passes */

enum feed_kind { FEED_STREAM, FEED_EXPANSION, FEED_COPIES };

struct feed {
    struct feed_spec spec;
    enum feed_kind kind;
    const char *format;
    struct trace *trace;
    struct expansion expansion;
    struct trace_total *total;
    size_t total_count;
    struct length_pair *pair; /* of spec.lengths */
    struct copies *copies;
    int64_t span_ns; /* of one pass; TIME_NONE: not known yet */
    int64_t last_ns;
    int64_t pass;
    int64_t pass_ns; /* added to all arrivals of this pass */
    enum rc rc;
    struct diag why;
};

/* ---- the file ---- */

typedef enum rc trace_step(struct trace *trace, void *ret, struct diag *diag);

static enum rc step_kind(struct trace *trace, void *ret, struct diag *diag)
{
    return trace_kind(trace, ret, diag);
}

static enum rc step_row(struct trace *trace, void *ret, struct diag *diag)
{
    return trace_next(trace, ret, diag);
}

static enum rc step_total(struct trace *trace, void *ret, struct diag *diag)
{
    return trace_next_total(trace, ret, diag);
}

static enum rc step_length(struct trace *trace, void *ret, struct diag *diag)
{
    return trace_next_length(trace, ret, diag);
}

/* One step, with as many pieces of the file as it takes. */
static enum rc pull(const struct feed_file *file, struct trace *trace, trace_step *step, void *ret,
                    struct diag *diag)
{
    for (;;) {
        enum rc rc = step(trace, ret, diag);
        if (rc != RC_AGAIN)
            return rc;
        struct span piece = {0};
        rc = file->read(file->user, &piece, diag);
        if (rc != RC_OK)
            return rc;
        if (piece.len > 0)
            trace_feed(trace, piece);
        else
            trace_feed_end(trace);
    }
}

/* Lines of one kind. */
struct lines {
    trace_step *step;
    size_t size;      /* of what a line becomes */
    int64_t limit_ns; /* of requests: the first that is not before it ends the reading; 0: none */
    void *array;
    size_t cap;
    size_t count;
};

/* Everything into the array, which is empty after an error. */
static enum rc pull_all(const struct feed_file *file, struct trace *trace, struct lines *lines,
                        struct diag *diag)
{
    union {
        struct trace_row row;
        struct trace_total total;
    } item;
    enum rc rc;
    while ((rc = pull(file, trace, lines->step, &item, diag)) == RC_OK) {
        rc = mem_grow(&lines->array, &lines->cap, lines->count + 1, lines->size, FEED_ROWS_MAX);
        if (rc != RC_OK) {
            (void)fail(diag, rc, "the trace has more than %zu lines", FEED_ROWS_MAX);
            break;
        }
        if (lines->limit_ns > 0 && lines->count > 0 && item.row.arrival_ns >= lines->limit_ns)
            return RC_OK; /* as a streamed trace is not read on either */
        memcpy((char *)lines->array + lines->count++ * lines->size, &item, lines->size);
    }
    if (rc == RC_NOT_FOUND && lines->count > 0)
        return RC_OK;
    free(lines->array);
    lines->array = NULL;
    lines->count = 0;
    return rc == RC_NOT_FOUND ? fail(diag, RC_MISSING, "the trace holds no request") : rc;
}

enum rc feed_read_lengths(const struct feed_file *file, struct trace_row **ret, size_t *ret_count,
                          struct diag *diag)
{
    struct trace *trace = trace_new();
    if (trace == NULL)
        return fail(diag, RC_NO_MEMORY, "out of memory");
    struct lines lines = {.step = step_length, .size = sizeof(struct trace_row)};
    const enum rc rc = pull_all(file, trace, &lines, diag);
    *ret = lines.array;
    *ret_count = lines.count;
    trace_free(trace);
    return rc;
}

/* ---- all ---- */

static enum rc take_pairs(struct feed *feed, struct diag *diag)
{
    const size_t n = feed->spec.length_count;
    feed->pair = n == 0 ? NULL : mem_new(n, sizeof(*feed->pair));
    if (n > 0 && feed->pair == NULL)
        return fail(diag, RC_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < n; i++)
        feed->pair[i] = (struct length_pair){
            .input_tokens = (uint32_t)num_clamp(feed->spec.lengths[i].input_tokens, 0, UINT32_MAX),
            .output_tokens =
                (uint32_t)num_clamp(feed->spec.lengths[i].output_tokens, 0, UINT32_MAX)};
    return RC_OK;
}

static enum rc begin_expansion(struct feed *feed, struct diag *diag)
{
    const struct expansion_spec spec = {.total = feed->total,
                                        .count = feed->total_count,
                                        .pair = feed->pair,
                                        .pair_count = feed->spec.length_count,
                                        .scale = feed->spec.scale,
                                        .cv = feed->spec.cv,
                                        .seed = feed->spec.seed};
    const enum rc rc = expansion_init(&feed->expansion, &spec, diag);
    if (rc == RC_OK)
        feed->span_ns = expansion_span_ns(&feed->expansion);
    if (feed->spec.limit_ns > 0 && feed->span_ns > feed->spec.limit_ns)
        feed->span_ns = feed->spec.limit_ns;
    return rc;
}

static enum rc make_copies(struct feed *feed, struct diag *diag)
{
    const struct feed_spec *spec = &feed->spec;
    struct lines lines = {
        .step = step_row, .size = sizeof(struct trace_row), .limit_ns = spec->limit_ns};
    const enum rc rc = pull_all(&spec->file, feed->trace, &lines, diag);
    if (rc != RC_OK)
        return rc;
    const struct copies_spec copies = {.row = lines.array,
                                       .row_count = lines.count,
                                       .scale = spec->scale,
                                       .shift_ns = spec->shift_ns,
                                       .smear_ns = spec->smear_ns,
                                       .seed = spec->seed};
    feed->copies = copies_new(&copies);
    if (feed->copies == NULL) {
        free(lines.array);
        return fail(diag, RC_NO_MEMORY, "out of memory");
    }
    feed->span_ns = copies_span_ns(feed->copies);
    return RC_OK;
}

static enum rc open_kind(struct feed *feed, struct diag *diag)
{
    const struct feed_file *file = &feed->spec.file;
    enum trace_kind kind = TRACE_REQUESTS;
    enum rc rc = pull(file, feed->trace, step_kind, &kind, diag);
    if (rc == RC_NOT_FOUND)
        return fail(diag, RC_MISSING, "the trace holds no request");
    if (rc != RC_OK)
        return rc;
    feed->format = trace_format_name(feed->trace);
    if (kind == TRACE_TOTALS) {
        struct lines lines = {.step = step_total, .size = sizeof(struct trace_total)};
        feed->kind = FEED_EXPANSION;
        rc = pull_all(file, feed->trace, &lines, diag);
        feed->total = lines.array;
        feed->total_count = lines.count;
        if (rc == RC_OK)
            rc = take_pairs(feed, diag);
        return rc == RC_OK ? begin_expansion(feed, diag) : rc;
    }
    if (feed->spec.scale == 1 && feed->spec.smear_ns <= 0 && feed->spec.passes <= 1)
        return RC_OK;
    feed->kind = FEED_COPIES;
    return make_copies(feed, diag);
}

enum rc feed_open(const struct feed_spec *spec, struct feed **ret, struct diag *diag)
{
    if (!(spec->scale > 0 && spec->scale <= FEED_COPIES_MAX))
        return fail(diag, RC_RANGE, "the scale must be above 0 and at most %d", FEED_COPIES_MAX);
    struct feed *feed = mem_new(1, sizeof(*feed));
    if (feed == NULL)
        return fail(diag, RC_NO_MEMORY, "out of memory");
    feed->spec = *spec;
    feed->span_ns = TIME_NONE;
    feed->format = "";
    feed->trace = trace_new();
    const enum rc rc =
        feed->trace == NULL ? fail(diag, RC_NO_MEMORY, "out of memory") : open_kind(feed, diag);
    if (rc != RC_OK) {
        feed_close(feed);
        return rc;
    }
    *ret = feed;
    return RC_OK;
}

void feed_close(struct feed *feed)
{
    if (feed == NULL)
        return;
    trace_free(feed->trace);
    free(feed->total);
    free(feed->pair);
    copies_free(feed->copies);
    free(feed);
}

/* Back to the first arrival of a pass. */
static enum rc restart(struct feed *feed, struct diag *diag)
{
    switch (feed->kind) {
    case FEED_EXPANSION:
        return begin_expansion(feed, diag);
    case FEED_COPIES:
        copies_again(feed->copies);
        return RC_OK;
    case FEED_STREAM:
        break;
    }
    trace_free(feed->trace);
    feed->trace = trace_new();
    if (feed->trace == NULL)
        return fail(diag, RC_NO_MEMORY, "out of memory");
    return feed->spec.file.rewind(feed->spec.file.user, diag);
}

enum rc feed_again(struct feed *feed, struct diag *diag)
{
    feed->pass = feed->pass_ns = feed->last_ns = 0;
    feed->rc = RC_OK;
    return restart(feed, diag);
}

static bool next_of_pass(struct feed *feed, struct trace_row *ret)
{
    const int64_t limit_ns = feed->spec.limit_ns > 0 ? feed->spec.limit_ns : INT64_MAX;
    switch (feed->kind) {
    case FEED_EXPANSION:
        return expansion_next(&feed->expansion, ret) && ret->arrival_ns < limit_ns;
    case FEED_COPIES:
        return copies_next(feed->copies, ret);
    case FEED_STREAM:
        break;
    }
    const enum rc rc = pull(&feed->spec.file, feed->trace, step_row, ret, &feed->why);
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        feed->rc = rc;
    return rc == RC_OK && ret->arrival_ns < limit_ns;
}

bool feed_next(struct feed *feed, struct trace_row *ret)
{
    while (feed->rc == RC_OK) {
        if (next_of_pass(feed, ret)) {
            ret->arrival_ns += feed->pass_ns;
            feed->last_ns = ret->arrival_ns;
            return true;
        }
        if (feed->kind == FEED_STREAM && feed->rc == RC_OK)
            feed->span_ns = feed->last_ns - feed->pass_ns + 1;
        if (feed->rc != RC_OK || ++feed->pass >= feed->spec.passes)
            return false;
        feed->pass_ns += feed->span_ns + GAP_NS;
        feed->rc = restart(feed, &feed->why);
    }
    return false;
}

enum rc feed_error(const struct feed *feed, struct diag *diag)
{
    if (feed->rc != RC_OK && diag != NULL)
        *diag = feed->why;
    return feed->rc;
}

int64_t feed_pass_ns(const struct feed *feed)
{
    return feed->span_ns + GAP_NS;
}

int64_t feed_span_ns(const struct feed *feed)
{
    return feed->span_ns;
}

bool feed_synthesised(const struct feed *feed)
{
    return feed->kind == FEED_EXPANSION;
}

const char *feed_format(const struct feed *feed)
{
    return feed->format;
}
