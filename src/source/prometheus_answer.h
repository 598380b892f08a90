/* prometheus_answer.h - what Prometheus' HTTP API answers to a query, as numbers. Strict: what is
 * not wholly understood is an error. Pure. */
#ifndef SLUICE_SOURCE_PROMETHEUS_ANSWER_H
#define SLUICE_SOURCE_PROMETHEUS_ANSWER_H

#include <stddef.h>

#include "base/mem.h"
#include "base/rc.h"
#include "base/span.h"
#include "config/source_spec.h"

#define PROMETHEUS_SERIES_MAX 4096
#define LABEL_SIZE 16

struct prometheus_point {
    double time_s;           /* on the server's clock */
    double value;            /* NaN and infinities as they came */
    char sluice[LABEL_SIZE]; /* the value of that label; "" = it has none */
};

struct prometheus_answer {
    struct prometheus_point *point; /* of each series the newest; in the arena */
    size_t count;
};

/* RC_SYNTAX: no answer of this API; RC_UNSUPPORTED: histograms, text; RC_LIMIT: more than
 * PROMETHEUS_SERIES_MAX series; RC_REFUSED: it says that the query failed, in its words. */
enum rc prometheus_read(struct arena *arena, struct span body, struct prometheus_answer *ret,
                        struct diag *diag) MUST_CHECK;

/* One number of all series, by `aggregate`; RC_DUPLICATE for several without one; RC_MISSING for
 * none. NaN in any of them is NaN. */
enum rc prometheus_one(const struct prometheus_answer *answer, enum source_aggregate aggregate,
                       double *ret, struct diag *diag) MUST_CHECK;

#endif
