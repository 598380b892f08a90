#include "cli/table.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/duration.h"
#include "base/utf8.h"

#define GAP 2 /* spaces between columns */

void table_init(struct table *table, const struct table_column *column, size_t column_count)
{
    assert(column_count > 0 && column_count <= TABLE_COLUMNS_MAX);
    *table = (struct table){.column = column, .column_count = column_count};
    buf_init(&table->text, (size_t)64 << 20);
}

void table_done(struct table *table)
{
    buf_done(&table->text);
    free(table->end);
}

void table_put_safe(struct buf *out, struct span text)
{
    while (text.len > 0) {
        const size_t len = utf8_length(text.ptr, text.len);
        const unsigned char c = (unsigned char)text.ptr[0];
        /* C1 controls are two bytes in UTF-8: c2 80 to c2 9f. */
        const bool control =
            c < 0x20 || c == 0x7f || (len == 2 && c == 0xc2 && (unsigned char)text.ptr[1] < 0xa0);
        if (len == 0 || control)
            buf_byte(out, '?');
        else
            buf_append(out, text.ptr, len);
        text = span_slice(text, len > 0 ? len : 1, text.len);
    }
}

size_t table_width(struct span text)
{
    size_t width = 0;
    for (size_t i = 0; i < text.len; i++)
        width += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return width;
}

void table_span(struct table *table, struct span text)
{
    void *array = table->end;
    if (mem_grow(&array, &table->cap, table->cells + 1, sizeof(*table->end), TABLE_CELLS_MAX) !=
        RC_OK)
        return;
    table->end = array;
    table_put_safe(&table->text, text);
    table->end[table->cells++] = table->text.len;
}

void table_text(struct table *table, const char *text)
{
    table_span(table, span_from(text));
}

void table_int(struct table *table, int64_t value)
{
    struct buf text;
    buf_init(&text, 64);
    buf_int(&text, value);
    table_span(table, buf_view(&text));
    buf_done(&text);
}

void table_put_seconds(struct buf *out, double seconds)
{
    char text[DURATION_TEXT_MAX];
    if (isnan(seconds)) {
        buf_byte(out, '-');
        return;
    }
    const int64_t ns = ns_of_seconds(seconds);
    int64_t unit = 10 * MICROSECOND_NS;
    while (unit < SECOND_NS && ns >= 1000 * unit)
        unit *= 10;
    (void)duration_print((ns + unit / 2) / unit * unit, text);
    buf_text(out, text);
}

void table_seconds(struct table *table, double seconds)
{
    struct buf text;
    buf_init(&text, 64);
    table_put_seconds(&text, seconds);
    table_span(table, buf_view(&text));
    buf_done(&text);
}

/* ---- printing ---- */

static struct span cell_at(const struct table *table, size_t index)
{
    const size_t begin = index == 0 ? 0 : table->end[index - 1];
    return span_slice(buf_view(&table->text), begin, table->end[index] - begin);
}

static void put_spaces(struct buf *out, size_t count)
{
    while (count-- > 0)
        buf_byte(out, ' ');
}

/* What stands at the end of a line gets no spaces behind it. */
static void put_cell(const struct table *table, size_t column, size_t width, struct span text,
                     struct buf *out)
{
    const size_t pad = width - table_width(text);
    const bool last = column + 1 == table->column_count;
    if (table->column[column].right)
        put_spaces(out, pad);
    buf_span(out, text);
    if (last)
        buf_byte(out, '\n');
    else
        put_spaces(out, (table->column[column].right ? 0 : pad) + GAP);
}

void table_print(const struct table *table, struct buf *out)
{
    size_t width[TABLE_COLUMNS_MAX];
    const size_t n = table->column_count;
    assert(n > 0);
    for (size_t i = 0; i < n; i++)
        width[i] = table_width(span_from(table->column[i].title));
    for (size_t i = 0; i < table->cells; i++) {
        const size_t w = table_width(cell_at(table, i));
        if (w > width[i % n])
            width[i % n] = w;
    }
    for (size_t i = 0; i < n; i++)
        put_cell(table, i, width[i], span_from(table->column[i].title), out);
    for (size_t i = 0; i < table->cells; i++)
        put_cell(table, i % n, width[i % n], cell_at(table, i), out);
}
