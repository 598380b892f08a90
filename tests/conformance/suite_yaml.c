/* suite_yaml.c - the YAML reader against the cases of the YAML test suite. What is accepted must
 * have the value that the suite gives; valid texts outside our subset are refused, with a note. */
#include <string.h>

#include "config/yaml.h"
#include "suite.h"

/* The suite writes several documents as JSON values after each other: cut at the top-level ends. */
static size_t json_value_end(struct span text)
{
    size_t depth = 0, i = 0;
    bool in_string = false;
    for (; i < text.len; i++) {
        const char c = text.ptr[i];
        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            depth++;
        } else if (c == ']' || c == '}') {
            depth--;
        }
        const bool scalar_ends = i + 1 >= text.len || text.ptr[i + 1] == '\n';
        if (!in_string && depth == 0 && (c == ']' || c == '}' || c == '"' || scalar_ends))
            return i + 1;
    }
    return i;
}

static struct span skip_space(struct span text)
{
    size_t n = 0;
    while (n < text.len && strchr(" \t\r\n", text.ptr[n]))
        n++;
    return span_slice(text, n, text.len - n);
}

static bool same_values(const struct vector *v, const struct yaml_documents *documents,
                        struct span json, struct buf *why)
{
    size_t n = 0;
    for (json = skip_space(json); json.len > 0; n++) {
        const size_t end = json_value_end(json);
        const struct tree *expected = NULL;
        struct diag diag = {.code = RC_OK};
        if (json_read(v->arena, span_slice(json, 0, end), NULL, &expected, &diag) != RC_OK) {
            buf_printf(why, "the expected value is not readable: %s", diag.text);
            return false;
        }
        if (n >= documents->count || !tree_equal(expected, documents->item[n])) {
            buf_printf(why, "document %zu has another value", n + 1);
            return false;
        }
        json = skip_space(span_slice(json, end, json.len - end));
    }
    if (n != documents->count)
        buf_printf(why, "%zu documents instead of %zu", documents->count, n);
    return n == documents->count;
}

static bool judge(const struct vector *v, struct span text, bool valid, struct buf *why)
{
    struct yaml_documents documents;
    struct diag diag = {.code = RC_OK};
    struct span json;
    const enum rc rc = yaml_read(v->arena, text, NULL, &documents, &diag);
    if (rc != RC_OK && valid)
        buf_printf(why, "refused (subset) at %u:%u: %s", diag.line, diag.column, diag.text);
    if (rc == RC_OK && !valid)
        buf_text(why, "accepted, though no YAML");
    if (rc != RC_OK || !valid)
        return rc != RC_OK;
    if (!tree_string(tree_get(v->tree, "json"), &json))
        return true;
    struct buf expected;
    buf_init(&expected, FILE_BYTES_MAX);
    const bool good = read_file(v->folder, json, &expected) &&
                      same_values(v, &documents, buf_view(&expected), why);
    buf_done(&expected);
    return good;
}

static enum verdict run(const struct vector *v, struct buf *why)
{
    struct span file, expect;
    struct buf text;
    if (!tree_string(tree_get(v->tree, "in"), &file) ||
        !tree_string(tree_get(v->tree, "expect"), &expect))
        return VERDICT_SKIPPED;
    buf_init(&text, FILE_BYTES_MAX);
    const bool good = read_file(v->folder, file, &text) &&
                      judge(v, buf_view(&text), span_equal_text(expect, "accept"), why);
    buf_done(&text);
    return good ? VERDICT_PASSED : VERDICT_FAILED;
}

const struct suite suite_yaml = {.name = "yaml", .run = run};
