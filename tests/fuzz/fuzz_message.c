/* fuzz_message.c - messages between gateways and control: what is read from a line is printed and
 * comes back the same, also as a copy. */
#include <stdint.h>
#include <stdlib.h>

#include "core/message.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print(const struct message *message, struct buf *out)
{
    struct json_writer w;
    buf_clear(out);
    json_init(&w, out);
    message_print(message, &w);
    CHECK(!out->failed);
}

static bool parse(struct arena *arena, struct span text, struct message *ret)
{
    const struct tree *json = NULL;
    struct diag diag = {.code = RC_OK};
    if (json_read(arena, text, NULL, &json, NULL) != RC_OK)
        return false;
    const enum rc rc = message_parse(arena, json, ret, &diag);
    CHECK(rc == RC_OK || diag.text[0] != '\0');
    return rc == RC_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct message message;
    struct message again;
    struct message copy;
    struct arena arena;
    struct buf first;
    struct buf second;
    arena_init(&arena, 1 << 28);
    buf_init(&first, 1 << 26);
    buf_init(&second, 1 << 26);
    if (parse(&arena, span_of(data, size), &message)) {
        print(&message, &first);
        CHECK(parse(&arena, buf_view(&first), &again));
        print(&again, &second);
        CHECK(span_equal(buf_view(&first), buf_view(&second)));
        CHECK(message_copy(&arena, &message, &copy) == RC_OK);
        print(&copy, &second);
        CHECK(span_equal(buf_view(&first), buf_view(&second)));
    }
    buf_done(&first);
    buf_done(&second);
    arena_done(&arena);
    return 0;
}
