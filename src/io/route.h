/* route.h - tables of method, path pattern and handler, for HTTP APIs of our own. */
#ifndef SLUICE_IO_ROUTE_H
#define SLUICE_IO_ROUTE_H

#include "io/http_server.h"

#define ROUTE_PARTS_MAX 4

struct route_match {
    struct span part[ROUTE_PARTS_MAX]; /* what the {name} parts stand for, undecoded */
    size_t part_count;
};
typedef void route_fn(void *user, struct http_request *request, const struct route_match *match);

/* "{name}" stands for one path segment, a final "{name...}" for the rest, slashes included. HEAD is
 * served by GET rows. */
struct route {
    const char *method;
    const char *pattern;
    route_fn *fn;
    const char *help; /* for the generated API document */
};

/* The first matching row; NULL with *ret_status 404, or 405 when only the method is wrong. */
const struct route *route_find(const struct route *rows, size_t count, struct span method,
                               struct span path, struct route_match *ret, int *ret_status);
/* Finds and calls; answers 404 and 405 (with Allow) itself. */
void route_serve(const struct route *rows, size_t count, void *user, struct http_request *request);

#endif
