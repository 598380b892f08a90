/* table.h - texts in aligned columns for a terminal. Widths count characters, not bytes; bytes that
 * a terminal would obey are shown as "?". */
#ifndef SLUICE_CLI_TABLE_H
#define SLUICE_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/span.h"

#define TABLE_COLUMNS_MAX 16
#define TABLE_CELLS_MAX 200000

struct table_column {
    const char *title;
    bool right; /* numbers */
};

struct table {
    const struct table_column *column;
    size_t column_count;
    struct buf text; /* of all cells, one after the other */
    size_t *end;     /* of each cell in text */
    size_t cells;
    size_t cap;
};
/* column is borrowed. */
void table_init(struct table *table, const struct table_column *column, size_t column_count);
void table_done(struct table *table);
/* The next cell; rows fill from left to right. Cells beyond the limit are dropped. */
void table_span(struct table *table, struct span text);
void table_text(struct table *table, const char *text);
void table_int(struct table *table, int64_t value);
/* Seconds as a duration in three digits ("420ms", "1.5s", "2m30s"); "-" for NAN. */
void table_seconds(struct table *table, double seconds);
/* Title and rows, two spaces between columns, none at the end of a line. */
void table_print(const struct table *table, struct buf *out);

/* Text for a terminal: control bytes and broken UTF-8 become "?". */
void table_put_safe(struct buf *out, struct span text);
size_t table_width(struct span text); /* characters */
void table_put_seconds(struct buf *out, double seconds);

#endif
