/* page_text.c - texts, numbers and times in HTML. */
#include <inttypes.h>
#include <math.h>

#include "api/page/page_parts.h"
#include "base/num.h"

static const char unknown[] = "\xe2\x80\x93"; /* a dash */

static const char *const escapes[128] = {
    ['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;", ['\''] = "&#39;"};

void page_put(struct buf *out, const char *text)
{
    for (; text != NULL && *text != '\0'; text++) {
        const unsigned char byte = (unsigned char)*text;
        if (byte < 128 && escapes[byte] != NULL)
            buf_text(out, escapes[byte]);
        else
            buf_byte(out, *text);
    }
}

void page_put_count(struct buf *out, int64_t count)
{
    if (count == SHAPE_NO_INT)
        buf_text(out, unknown);
    else
        buf_int(out, count);
}

void page_put_number(struct buf *out, double number)
{
    if (isnan(number)) {
        buf_text(out, unknown);
        return;
    }
    const double size = fabs(number);
    const double step = size >= 100 ? 1 : size >= 10 ? 10 : 100;
    buf_number(out, rint(number * step) / step);
}

void page_put_seconds(struct buf *out, double seconds)
{
    const bool small = seconds < 1;
    page_put_number(out, small ? rint(seconds * 1e3) : seconds);
    if (!isnan(seconds))
        buf_text(out, small ? " ms" : " s");
}

void page_put_time(struct buf *out, int64_t wall_ns)
{
    char text[DURATION_TEXT_MAX];
    const size_t len = time_print_rfc3339(wall_ns, text);
    if (wall_ns == TIME_NONE || len < 19)
        buf_text(out, unknown);
    else
        buf_printf(out, "<time datetime=\"%s\">%.8s</time>", text, text + 11);
}
