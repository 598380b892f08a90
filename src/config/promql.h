/* promql.h - what can be seen of a PromQL query without running it: which series it reads, and
 * two habits that hide that nothing is known. Not a parser: Prometheus itself says what is wrong.
 */
#ifndef SLUICE_CONFIG_PROMQL_H
#define SLUICE_CONFIG_PROMQL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"
#include "base/rc.h"
#include "base/span.h"

#define PROMQL_SELECTORS_MAX 16

struct promql_scan {
    struct span selector[PROMQL_SELECTORS_MAX]; /* "name{label="value"}" without range and offset */
    size_t selector_count;
    bool or_vector;        /* "or vector(0)": an invented value where there is none */
    struct span rated;     /* first name in rate(), irate(), increase() that is no counter's */
    struct span rate_name; /* which of them */
};

/* RC_SYNTAX for open quotes and brackets, RC_LIMIT for more than PROMQL_SELECTORS_MAX selectors,
 * RC_MISSING for an empty query. Spans point into the query. */
enum rc promql_scan(struct span query, struct promql_scan *ret, struct diag *diag) MUST_CHECK;

/* Appends the query for the age of what `scan` found: the seconds since the newest sample of each
 * selector, as series told apart by the label "sluice"; `with_now` adds the server's time as
 * sluice="now". Nothing where there is no selector. */
void promql_put_age(const struct promql_scan *scan, bool with_now, struct buf *out);

#endif
