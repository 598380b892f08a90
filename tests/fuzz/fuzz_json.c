/* fuzz_json.c - the JSON reader: positions lie inside the text; what is read is written and read
 * back equal; numbers survive printing. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/tree.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_numbers(const struct tree *node)
{
    double value;
    if (!tree_number(node, &value))
        return;
    char text[NUM_TEXT_MAX];
    const size_t len = num_print(value, text);
    double back = 0;
    CHECK(num_parse((struct span){text, len}, &back) == RC_OK);
    CHECK(memcmp(&value, &back, sizeof(value)) == 0);
    int64_t whole;
    if (tree_int(node, &whole) && value >= -0x1p53 && value <= 0x1p53)
        CHECK((double)whole == value);
}

static void walk(const struct tree *node, struct span text, int depth)
{
    CHECK(depth <= 64);
    CHECK(node->line >= 1 && node->line <= text.len + 1);
    CHECK(node->column >= 1 && node->column <= text.len + 1);
    check_numbers(node);
    size_t count = 0;
    for (const struct tree *child = node->first; child; child = child->next) {
        walk(child, text, depth + 1);
        count++;
    }
    CHECK(count == node->count);
}

static void check_round_trip(const struct tree *tree, const struct json_limits *limits)
{
    struct buf out;
    struct arena arena;
    buf_init(&out, 1 << 26);
    arena_init(&arena, 1 << 28);
    struct json_writer writer;
    json_init(&writer, &out);
    json_tree(&writer, tree);
    CHECK(!out.failed);
    const struct tree *again = NULL;
    CHECK(json_read(&arena, buf_view(&out), limits, &again, NULL) == RC_OK);
    CHECK(tree_equal(tree, again));
    arena_done(&arena);
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span text = span_of(data, size);
    for (int loose = 0; loose < 2; loose++) {
        const struct json_limits limits = {.duplicates_allowed = loose, .lone_surrogates = loose};
        struct arena arena;
        struct diag diag = {.code = RC_OK};
        const struct tree *tree = NULL;
        arena_init(&arena, 1 << 28);
        const enum rc rc = json_read(&arena, text, &limits, &tree, &diag);
        CHECK(rc == diag.code || rc == RC_OK);
        if (rc == RC_OK) {
            walk(tree, text, 0);
            /* Doubled members compare with the last of their name: only unique ones are equal. */
            if (!loose)
                check_round_trip(tree, &limits);
        } else {
            CHECK(diag.line >= 1 && diag.column >= 1 && diag.column <= size + 1);
        }
        arena_done(&arena);
    }
    return 0;
}
