/* rename.c - the few bytes of a body that change on their way: the model's name where its engine
 * knows it by another, and a wish for usage that the client did not have. */
#include "gateway/gateway_internal.h"

#define WISH "\"stream_options\":{\"include_usage\":true}"

static void add(struct edits *edits, size_t from, size_t to, struct span text)
{
    edits->edit[edits->count].from = from;
    edits->edit[edits->count].to = to;
    edits->edit[edits->count].text = text;
    edits->count++;
    edits->growth += (int64_t)text.len - (int64_t)(to - from);
}

/* OpenAI's chat and text streams tell usage when asked; the others do it anyway or never. */
static bool wish_fits(const struct exchange *x)
{
    const struct peek *peek = &x->peek;
    return x->wants_stream && x->whole && peek->state == PEEK_DONE && !peek->stream_options &&
           peek->object_start > 0 && x->endpoint.family == FAMILY_OPENAI &&
           x->endpoint.kind == ENDPOINT_FORWARD &&
           span_ends_with(http_request_head(x->request)->path, "/completions");
}

bool edits_make(struct exchange *x, struct buf *scratch, struct edits *ret)
{
    const struct peek *peek = &x->peek;
    *ret = (struct edits){0};
    x->strip = wish_fits(x);
    if (x->strip)
        add(ret, (size_t)peek->object_start, (size_t)peek->object_start,
            peek->object_empty ? span_from(WISH) : span_from(WISH ","));
    const struct span wanted = span_from(x->upstream);
    if (wanted.len == 0 || peek->model_len == 0 ||
        span_equal(wanted, span_of(peek->model, peek->model_len)))
        return true;
    if (peek->model_end == 0 || peek->model_end > x->body.len)
        return false;
    struct span name = wanted;
    if (peek->format == PEEK_JSON) {
        struct json_writer w;
        json_init(&w, scratch);
        json_string(&w, wanted);
        name = buf_view(scratch);
    } else if (span_find_byte(wanted, '\r', 0) != SIZE_MAX ||
               span_find_byte(wanted, '\n', 0) != SIZE_MAX) {
        return false; /* it would be other parts */
    }
    add(ret, (size_t)peek->model_start, (size_t)peek->model_end, name);
    return !scratch->failed;
}
