#include "cli/html.h"

#include <math.h>
#include <stdio.h>

void html_span(struct buf *ret, struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        switch (text.ptr[i]) {
        case '<':
            buf_text(ret, "&lt;");
            break;
        case '&':
            buf_text(ret, "&amp;");
            break;
        case '\'':
            buf_text(ret, "&#39;");
            break;
        case '"':
            buf_text(ret, "&quot;");
            break;
        default:
            buf_byte(ret, text.ptr[i]);
        }
}

void html_text(struct buf *ret, const char *text)
{
    html_span(ret, span_from(text));
}

void html_number(struct buf *ret, double value, int digits)
{
    char text[64];
    if (isnan(value))
        (void)snprintf(text, sizeof(text), "-");
    else
        (void)snprintf(text, sizeof(text), "%.*f", digits, value);
    buf_text(ret, text);
}
