/* suite_prom_text.c - the reader of metrics pages against the cases of three readers of Prometheus
 * text. */
#include "prom_page.h"

static const struct prom_allowed allowed[] = {
    {NULL, NULL},
};

static enum verdict run(const struct vector *v, struct buf *why)
{
    return prom_page_run(v, PROM_TEXT, allowed, why);
}

const struct suite suite_prom_text = {.name = "prom-text", .run = run};
