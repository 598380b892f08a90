/* source_view.h - the sources of a pool as the API shows them. */
#ifndef SLUICE_API_SOURCE_VIEW_H
#define SLUICE_API_SOURCE_VIEW_H

#include "api/views.h"
#include "control/control.h"

/* What source_next() needs; borrowed from control until it is printed. */
struct source_cursor {
    const struct control *control;
    const char *pool;
    char signals[256]; /* of the row that is printed */
};

/* A shape_next_fn over a struct source_cursor. */
bool source_next(void *cursor, size_t index, void *ret);

#endif
