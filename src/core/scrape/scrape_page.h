/* scrape_page.h - the numbers of a page that engine_names knows. For scrape.c only. */
#ifndef SLUICE_CORE_SCRAPE_SCRAPE_PAGE_H
#define SLUICE_CORE_SCRAPE_SCRAPE_PAGE_H

#include "core/scrape/scrape.h"

void scrape_page_init(struct scrape_page *page);
void scrape_page_done(struct scrape_page *page);
enum rc scrape_page_read(struct scrape_page *page, struct span text, const struct prom_reader *how,
                         struct prom_counts *ret_counts, struct diag *diag) MUST_CHECK;
/* NULL when the page has none. */
struct scrape_number *scrape_page_number(const struct scrape_page *page, size_t name,
                                         uint64_t series);
struct scrape_histogram *scrape_page_histogram(const struct scrape_page *page, size_t name,
                                               uint64_t series);
bool scrape_page_has(const struct scrape_page *page, size_t name);

#endif
