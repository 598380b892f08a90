/* page.h - the parts of the page of a comparison. */
#ifndef SLUICE_CLI_COMPARE_PAGE_H
#define SLUICE_CLI_COMPARE_PAGE_H

#include "cli/compare/comparison.h"

#define PAGE_CLASS_SIZE 16

/* Class of the index-th policy: a colour, and dashes where colours come again. */
void page_class(size_t index, char ret[PAGE_CLASS_SIZE]);
/* Replicas against demand, latency and decisions over time of every policy that could be played, at
 * its best setting for the first floor: each is played once more. */
enum rc page_series(const struct comparison *comparison, const struct compared *cell,
                    struct buf *ret) MUST_CHECK;

#endif
