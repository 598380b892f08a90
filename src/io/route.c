/* route.c - see route.h. */
#include "io/route.h"

#include <string.h>

static bool pattern_match(const char *pattern, struct span path, struct route_match *ret)
{
    size_t at = 0;
    ret->part_count = 0;
    while (*pattern) {
        if (*pattern != '{') {
            if (at >= path.len || path.ptr[at] != *pattern)
                return false;
            pattern++;
            at++;
            continue;
        }
        const char *end = strchr(pattern, '}');
        if (!end || ret->part_count == ROUTE_PARTS_MAX)
            return false;
        const bool rest = end - pattern > 3 && memcmp(end - 3, "...", 3) == 0;
        size_t stop = path.len;
        if (!rest) {
            const size_t slash = span_find_byte(path, '/', at);
            stop = slash == SIZE_MAX ? path.len : slash;
        }
        if (stop == at)
            return false;
        ret->part[ret->part_count++] = span_slice(path, at, stop - at);
        at = stop;
        pattern = end + 1;
    }
    return at == path.len;
}

static bool method_match(const char *wanted, struct span method)
{
    return span_equal_text(method, wanted) ||
           (span_equal_text(method, "HEAD") && strcmp(wanted, "GET") == 0);
}

const struct route *route_find(const struct route *rows, size_t count, struct span method,
                               struct span path, struct route_match *ret, int *ret_status)
{
    *ret_status = 404;
    for (size_t i = 0; i < count; i++) {
        struct route_match match = {0};
        if (!pattern_match(rows[i].pattern, path, &match))
            continue;
        if (method_match(rows[i].method, method)) {
            *ret = match;
            *ret_status = 200;
            return &rows[i];
        }
        *ret_status = 405;
    }
    return NULL;
}

static void refuse(const struct route *rows, size_t count, struct http_request *request, int status)
{
    const struct span path = http_request_head(request)->path;
    struct buf lines;
    buf_init(&lines, HTTP_HEAD_BYTES_MAX);
    (void)http_line_text(&lines, "content-type", "application/json"); /* ours: no line ends in it */
    if (status == 405) {
        buf_text(&lines, "allow: ");
        bool first = true;
        for (size_t i = 0; i < count; i++) {
            struct route_match match;
            if (!pattern_match(rows[i].pattern, path, &match))
                continue;
            if (!first)
                buf_text(&lines, ", ");
            buf_text(&lines, rows[i].method);
            first = false;
        }
        buf_text(&lines, "\r\n");
    }
    http_respond_lines(request, status, buf_view(&lines),
                       span_from(status == 405
                                     ? "{\"error\":{\"message\":\"this path does not take that "
                                       "method\",\"code\":\"method_not_allowed\"}}"
                                     : "{\"error\":{\"message\":\"there is nothing at this "
                                       "path\",\"code\":\"not_found\"}}"));
    buf_done(&lines);
}

void route_serve(const struct route *rows, size_t count, void *user, struct http_request *request)
{
    const struct http_head *head = http_request_head(request);
    struct route_match match = {0};
    int status = 0;
    const struct route *row = route_find(rows, count, head->method, head->path, &match, &status);
    if (row)
        row->fn(user, request, &match);
    else
        refuse(rows, count, request, status);
}
