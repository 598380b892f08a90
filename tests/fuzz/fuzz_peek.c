/* fuzz_peek.c - what the router reads of bodies: the same however the bytes arrive; what the strict
 * JSON reader takes is read to its end and gives the same model. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/tree.h"
#include "traffic/peek.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(struct peek *peek, const char *type, struct span body, size_t step)
{
    const struct span content_type = span_from(type);
    peek_init(peek, peek_format_of(content_type), content_type);
    for (size_t at = 0; at < body.len; at += step) {
        const struct span piece = span_slice(body, at, step);
        (void)peek_feed(peek, piece.ptr, piece.len); /* the end is looked at below */
    }
    (void)peek_end(peek);
    CHECK(peek->model_len < TEXT_SIZE && peek->model_start <= peek->model_end);
    CHECK(peek->model_end <= body.len && peek->object_start <= body.len);
}

static void check_equal(const struct peek *a, const struct peek *b)
{
    CHECK(a->state == b->state && a->ambiguous == b->ambiguous && a->too_deep == b->too_deep);
    CHECK(a->model_not_string == b->model_not_string && a->model_len == b->model_len);
    CHECK(memcmp(a->model, b->model, a->model_len) == 0);
    CHECK(a->model_start == b->model_start && a->model_end == b->model_end);
    CHECK(a->stream == b->stream && a->stream_set == b->stream_set);
    CHECK(a->include_usage == b->include_usage && a->stream_options == b->stream_options);
    CHECK(a->output_tokens_max == b->output_tokens_max && a->choices == b->choices);
    CHECK(a->session == b->session && a->priority == b->priority && a->media == b->media);
    CHECK(a->prompt_bytes == b->prompt_bytes && a->object_start == b->object_start);
    CHECK(strcmp(a->keep_alive, b->keep_alive) == 0);
}

static void check_by_tree(const struct peek *peek, struct span body)
{
    const struct json_limits limits = {.duplicates_allowed = true};
    const struct tree *tree = NULL;
    struct arena arena;
    struct span model;
    arena_init(&arena, 1 << 28);
    if (json_read(&arena, body, &limits, &tree, NULL) == RC_OK && !peek->too_deep) {
        CHECK(peek->state == PEEK_DONE);
        const bool has = tree->kind == TREE_OBJECT && tree_string(tree_get(tree, "model"), &model);
        if (has && !peek->ambiguous && !peek->model_not_string)
            CHECK(span_equal(model, (struct span){peek->model, peek->model_len}));
        if (peek->model_end > peek->model_start)
            CHECK(body.ptr[peek->model_start] == '"' && body.ptr[peek->model_end - 1] == '"');
    }
    arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const types[] = {"application/json", "multipart/form-data; boundary=XX",
                                        "application/x-www-form-urlencoded", "text/plain"};
    static struct peek whole;
    static struct peek split;
    if (size == 0)
        return 0;
    const char *type = types[data[0] >> 4 & 3];
    const struct span body = span_of(data + 1, size - 1);
    read_all(&whole, type, body, size);
    read_all(&split, type, body, data[0] % 16 + 1);
    check_equal(&whole, &split);
    if (type == types[0])
        check_by_tree(&whole, body);
    return 0;
}
