/* suite_json.c - the JSON reader against a corpus of texts with verdicts: accept, reject, either.
 * Whatever the verdict, what is accepted is written and read back. */
#include <string.h>

#include "suite.h"

static bool survives_writing(struct arena *arena, const struct tree *tree, struct buf *why)
{
    struct buf out;
    buf_init(&out, FILE_BYTES_MAX);
    struct json_writer writer;
    json_init(&writer, &out);
    json_tree(&writer, tree);
    const struct tree *again = NULL;
    struct diag diag = {.code = RC_OK};
    const struct json_limits limits = {.depth_max = 200, .duplicates_allowed = true};
    const bool good =
        out.failed || (json_read(arena, buf_view(&out), &limits, &again, &diag) == RC_OK &&
                       tree_equal(tree, again));
    if (!good)
        buf_printf(why, "what was read is not what is written: %s", diag.text);
    buf_done(&out);
    return good;
}

static enum verdict run(const struct vector *v, struct buf *why)
{
    struct span file;
    struct span expect;
    struct buf text;
    buf_init(&text, FILE_BYTES_MAX);
    if (!tree_string(tree_get(v->tree, "file"), &file) ||
        !tree_string(tree_get(v->tree, "expect"), &expect))
        return VERDICT_SKIPPED;
    if (!read_file(v->folder, file, &text)) {
        buf_text(why, "the file cannot be read");
        buf_done(&text);
        return VERDICT_FAILED;
    }
    const struct tree *tree = NULL;
    struct diag diag = {.code = RC_OK};
    /* RFC 8259 allows doubled members; configuration refuses them, which is its own test. */
    const struct json_limits limits = {.depth_max = 200, .duplicates_allowed = true};
    const enum rc rc = json_read(v->arena, buf_view(&text), &limits, &tree, &diag);
    bool good = true;
    if (rc != RC_OK && span_equal_text(expect, "accept")) {
        buf_printf(why, "refused at %u:%u: %s", diag.line, diag.column, diag.text);
        good = false;
    } else if (rc == RC_OK && span_equal_text(expect, "reject")) {
        buf_text(why, "accepted");
        good = false;
    } else if (rc == RC_OK) {
        good = survives_writing(v->arena, tree, why);
    }
    buf_done(&text);
    return good ? VERDICT_PASSED : VERDICT_FAILED;
}

const struct suite suite_json = {.name = "json", .run = run};
