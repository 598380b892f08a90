/* prom_page.h - one case of the corpora of metrics pages, for the suites openmetrics and prom-text.
 *
 * accept: must be taken. reject: must be refused, or be one of the cases that may be taken because
 * no number on them can be wrong. What a taken page says is compared with another reader by
 * tests/peer/check_prom. */
#ifndef SLUICE_TESTS_CONFORMANCE_PROM_PAGE_H
#define SLUICE_TESTS_CONFORMANCE_PROM_PAGE_H

#include "base/prom_text.h"

#include "suite.h"

/* A case marked `reject` that may be taken, and why. Ends with a NULL file. */
struct prom_allowed {
    const char *file;
    const char *why;
};
enum verdict prom_page_run(const struct vector *v, enum prom_format format,
                           const struct prom_allowed *allowed, struct buf *why);

#endif
