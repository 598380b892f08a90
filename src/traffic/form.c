/* A form is read line by line (multipart) or pair by pair (urlencoded); a line longer than the
 * buffer is crossed. A boundary counts only between CR LF on both sides: whoever reads a bare LF as
 * a line end would see other parts than we do. */
#include "traffic/form.h"

#include <assert.h>
#include <string.h>

#include "base/rc.h"

enum { MODE_PREAMBLE, MODE_HEADERS, MODE_BODY, MODE_DONE };

static const char *const fields[] = {NULL, "model", "stream"};

static uint8_t field_of(struct span name)
{
    for (size_t i = 1; i < COUNT_OF(fields); i++)
        if (span_equal_text(name, fields[i]))
            return (uint8_t)i;
    return 0;
}

/* Value of a parameter of a header value, quotes taken off; ptr NULL when it is not there. */
static struct span parameter(struct span value, const char *name)
{
    struct span part;
    const size_t name_len = strlen(name);
    while (span_split(&value, ';', &part)) {
        part = span_trim(part);
        if (part.len <= name_len || part.ptr[name_len] != '=' ||
            !span_equal_text_nocase(span_slice(part, 0, name_len), name))
            continue;
        struct span text = span_slice(part, name_len + 1, SIZE_MAX);
        if (text.len >= 2 && text.ptr[0] == '"' && text.ptr[text.len - 1] == '"')
            text = span_slice(text, 1, text.len - 2);
        return text;
    }
    return (struct span){0};
}

bool form_init(struct form *form, enum peek_format format, struct span content_type)
{
    memset(form, 0, sizeof(*form));
    form->urlencoded = format == PEEK_URLENCODED;
    form->after_crlf = true;
    if (form->urlencoded)
        return true;
    const struct span boundary = parameter(content_type, "boundary");
    if (boundary.len == 0 || boundary.len > FORM_BOUNDARY_MAX)
        return false;
    form->boundary[0] = '-';
    form->boundary[1] = '-';
    memcpy(form->boundary + 2, boundary.ptr, boundary.len);
    form->boundary_len = (uint16_t)(boundary.len + 2);
    return true;
}

static void deliver(struct form *form, form_field_fn *on_field, void *context)
{
    if (form->field != 0) {
        const size_t len = form->no_value || !form->has_value ? 0 : form->value_len;
        on_field(context, fields[form->field], span_of(form->value, len), form->value_start);
    }
    form->field = 0;
    form->has_value = false;
    form->no_value = false;
}

static void header_line(struct form *form, struct span line)
{
    static const char wanted[] = "content-disposition:";
    if (line.len == 0) {
        form->mode = MODE_BODY;
        return;
    }
    if (!span_equal_text_nocase(span_slice(line, 0, sizeof(wanted) - 1), wanted))
        return;
    const struct span value = span_slice(line, sizeof(wanted) - 1, SIZE_MAX);
    form->field = parameter(value, "filename").ptr ? 0 : field_of(parameter(value, "name"));
}

static void value_line(struct form *form, struct span line)
{
    if (form->field == 0)
        return;
    form->no_value |= form->has_value || form->long_line;
    form->has_value = true;
    memcpy(form->value, line.ptr, line.len);
    form->value_len = (uint16_t)line.len;
    form->value_start = form->line_start;
}

/* A line without its LF is in form->line. */
static void end_line(struct form *form, bool at_end, form_field_fn *on_field, void *context)
{
    struct span line = {form->line, form->line_len};
    const bool crlf = line.len > 0 && line.ptr[line.len - 1] == '\r';
    if (crlf)
        line.len--;
    const struct span boundary = {form->boundary, form->boundary_len};
    if (!form->long_line && form->after_crlf && (crlf || at_end) &&
        span_equal(span_slice(line, 0, boundary.len), boundary)) {
        const struct span tail = span_trim(span_slice(line, boundary.len, SIZE_MAX));
        if (tail.len == 0 || span_equal_text(tail, "--")) {
            deliver(form, on_field, context);
            form->mode = tail.len == 0 ? MODE_HEADERS : MODE_DONE;
            line.len = 0;
            goto out;
        }
    }
    if (form->mode == MODE_HEADERS && !form->long_line)
        header_line(form, line);
    else if (form->mode == MODE_BODY)
        value_line(form, line);
out:
    form->after_crlf = crlf;
    form->long_line = false;
    form->line_len = 0;
}

static int hex_digit(char c)
{
    const char lower = (char)(c | 0x20);
    if (c >= '0' && c <= '9')
        return c - '0';
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* In place; false on a malformed escape. */
static bool decode(char *text, size_t *len)
{
    size_t out = 0;
    for (size_t i = 0; i < *len; i++) {
        char c = text[i];
        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            const int high = i + 2 < *len ? hex_digit(text[i + 1]) : -1;
            const int low = i + 2 < *len ? hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        text[out++] = c;
    }
    *len = out;
    return true;
}

/* One name=value is in form->line. */
static void end_pair(struct form *form, form_field_fn *on_field, void *context)
{
    const struct span pair = {form->line, form->line_len};
    const size_t equals = span_find_byte(pair, '=', 0);
    if (equals != SIZE_MAX) {
        size_t name_len = equals;
        char *value = form->line + equals + 1;
        size_t value_len = pair.len - equals - 1;
        if (decode(form->line, &name_len))
            form->field = field_of(span_of(form->line, name_len));
        const bool usable = !form->long_line && decode(value, &value_len);
        if (form->field != 0)
            on_field(context, fields[form->field], span_of(value, usable ? value_len : 0),
                     FORM_NO_PLACE);
    }
    form->field = 0;
    form->long_line = false;
    form->line_len = 0;
}

enum peek_state form_feed(struct form *form, const char *bytes, size_t len, form_field_fn *on_field,
                          void *context)
{
    const char *const end = bytes + len;
    const char separator = form->urlencoded ? '&' : '\n';
    for (const char *at = bytes; at < end && form->mode != MODE_DONE;) {
        const char *stop = memchr(at, separator, (size_t)(end - at));
        const size_t piece = (size_t)((stop ? stop : end) - at);
        if (form->line_len == 0)
            form->line_start = form->offset + (uint64_t)(at - bytes);
        const size_t room = sizeof(form->line) - form->line_len;
        const size_t kept = piece < room ? piece : room;
        memcpy(form->line + form->line_len, at, kept);
        form->line_len = (uint16_t)(form->line_len + kept);
        if (kept < piece) {
            form->long_line = true;
            if (!form->urlencoded) /* the CR that matters is the last byte */
                form->line[sizeof(form->line) - 1] = at[piece - 1];
        }
        if (!stop)
            break;
        if (form->urlencoded)
            end_pair(form, on_field, context);
        else
            end_line(form, false, on_field, context);
        at = stop + 1;
    }
    form->offset += len;
    return form->mode == MODE_DONE ? PEEK_DONE : PEEK_MORE;
}

enum peek_state form_end(struct form *form, form_field_fn *on_field, void *context)
{
    if (form->urlencoded) {
        end_pair(form, on_field, context);
        return PEEK_DONE;
    }
    end_line(form, true, on_field, context);
    return form->mode == MODE_DONE ? PEEK_DONE : PEEK_BROKEN;
}
