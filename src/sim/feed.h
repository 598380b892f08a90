/* feed.h - the arrivals of a run, whatever the trace: streamed from a file, expanded from totals,
 * or several shifted copies of a trace in memory; one pass or more.
 *
 * With scale 1, one pass and no smearing a request trace is read as it is needed, so memory does
 * not depend on its length. Otherwise it is held in memory (40 bytes a request). Errors of the file
 * end the feed; feed_error() has them. Pure; one owner. */
#ifndef SLUICE_SIM_FEED_H
#define SLUICE_SIM_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "sim/trace.h"

#define FEED_ROWS_MAX ((size_t)50000000)
#define FEED_COPIES_MAX 1000

/* A file as the caller opens it. read: the next piece, valid until the next call; empty at the end.
 * rewind: back to the begin. */
struct feed_file {
    enum rc (*read)(void *user, struct span *ret, struct diag *diag);
    enum rc (*rewind)(void *user, struct diag *diag);
    void *user;
};

struct feed_spec {
    struct feed_file file;
    const struct trace_row *lengths; /* pairs for totals; borrowed */
    size_t length_count;
    double scale;            /* > 0: copies of the trace, or factor on totals */
    double cv;               /* of gaps when totals are expanded */
    int64_t shift_ns;        /* copies are shifted in a circle by at most so much */
    int64_t smear_ns;        /* arrivals are spread over the time after them */
#define FEED_SMEAR_AUTO (-1) /* as much as arrivals are rounded to, if that is a second or more */
    int64_t passes;          /* >= 1; the trace is played so often */
    int64_t limit_ns;        /* later arrivals are left out; 0 = none is */
    uint64_t seed;
};

struct feed;

/* Errors of the trace, with its line. */
enum rc feed_open(const struct feed_spec *spec, struct feed **ret, struct diag *diag) MUST_CHECK;
void feed_close(struct feed *feed);
/* False at the end and after an error. */
bool feed_next(struct feed *feed, struct trace_row *ret);
/* From the begin again, with the same arrivals. */
enum rc feed_again(struct feed *feed, struct diag *diag) MUST_CHECK;
enum rc feed_error(const struct feed *feed, struct diag *diag); /* RC_OK: none */
/* From the begin of a pass to that of the next; only with several passes. */
int64_t feed_pass_ns(const struct feed *feed);
/* Length of one pass; TIME_NONE while a streamed trace was not read to its end. */
int64_t feed_span_ns(const struct feed *feed);
/* Requests were made from totals. */
bool feed_synthesised(const struct feed *feed);
const char *feed_format(const struct feed *feed);

/* All rows of a trace, or all pairs of a list of lengths, in an array that the caller frees. */
enum rc feed_read_lengths(const struct feed_file *file, struct trace_row **ret, size_t *ret_count,
                          struct diag *diag) MUST_CHECK;

#endif
