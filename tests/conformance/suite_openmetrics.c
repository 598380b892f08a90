/* suite_openmetrics.c - the reader of metrics pages against the cases of three OpenMetrics readers.
 */
#include "prom_page.h"

/* Prometheus' own client writes such histograms, and a case of Prometheus asks for them. */
#define SUM_OF_NEGATIVE                                                                            \
    "a histogram of negative values has a sum: it is only no counter; all numbers are as written"

static const struct prom_allowed allowed[] = {
    {"om-tests/bad_histograms_3.txt", SUM_OF_NEGATIVE},
    {"client-python/invalid-146.txt", SUM_OF_NEGATIVE},
    {"om-tests/bad_counter_values_19.txt",
     "a quantile of a summary is negative, as in a case of Prometheus that must be taken"},
    {NULL, NULL},
};

static enum verdict run(const struct vector *v, struct buf *why)
{
    return prom_page_run(v, PROM_OPENMETRICS, allowed, why);
}

const struct suite suite_openmetrics = {.name = "openmetrics", .run = run};
