/* html.h - text and numbers in pages that commands write. */
#ifndef SLUICE_CLI_HTML_H
#define SLUICE_CLI_HTML_H

#include "base/mem.h"

/* Text that may hold anything, in an element or a quoted attribute. */
void html_span(struct buf *ret, struct span text);
void html_text(struct buf *ret, const char *text);
/* With so many digits after the point; "-" for NAN. */
void html_number(struct buf *ret, double value, int digits);

#endif
