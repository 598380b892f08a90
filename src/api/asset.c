/* asset.c - GET /assets/{name}: style and scripts of the dashboard, compressed where the client
 * takes it. A browser asks again each time and is told that nothing changed. */
#include <stdio.h>
#include <string.h>

#include "api/handlers.h"
#include "api/web_file.h"

/* "gzip" among the codings of Accept-Encoding, and not refused by a q of 0. */
static bool takes_gzip(const struct http_head *head)
{
    struct span left = http_header_get(head, "accept-encoding");
    while (left.len > 0) {
        size_t end = span_find_byte(left, ',', 0);
        end = end == SIZE_MAX ? left.len : end;
        const struct span coding = span_trim(span_slice(left, 0, end));
        left = span_slice(left, end < left.len ? end + 1 : end, left.len);
        const size_t semicolon = span_find_byte(coding, ';', 0);
        const struct span name =
            semicolon == SIZE_MAX ? coding : span_trim(span_slice(coding, 0, semicolon));
        if (span_equal_text_nocase(name, "gzip"))
            return semicolon == SIZE_MAX || span_find(coding, span_from("q=0"), 0) == SIZE_MAX ||
                   span_find(coding, span_from("q=0."), 0) != SIZE_MAX;
    }
    return false;
}

static const struct web_file *find(const char *name)
{
    for (size_t i = 0; i < web_file_count; i++)
        if (strcmp(web_files[i].name, name) == 0)
            return &web_files[i];
    return NULL;
}

void handle_asset(struct api_call *call)
{
    char lines[160];
    const struct http_head *head = http_request_head(call->request);
    const char *name = call_part(call, 0);
    const struct web_file *file = find(name);
    if (file == NULL) {
        call_failure(call, RC_NOT_FOUND, "name", name, "the dashboard has no file \"%.60s\"", name);
        return;
    }
    const bool same = span_equal_text(http_header_get(head, "if-none-match"), file->etag);
    const bool packed = takes_gzip(head);
    (void)snprintf(lines, sizeof(lines), "cache-control: no-cache\r\netag: %s\r\n%s%s", file->etag,
                   "vary: accept-encoding\r\n",
                   packed && !same ? "content-encoding: gzip\r\n" : "");
    if (!same)
        buf_append(&call->out, packed ? file->packed : file->plain,
                   packed ? file->packed_len : file->plain_len);
    call_answer_page(call, same ? 304 : 200, file->type, lines);
}
