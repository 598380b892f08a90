/* read_value.c - booleans, numbers, durations, quantities, texts and choices, with their ranges. */
#include "config/read_value.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/duration.h"
#include "base/num.h"

bool read_is_from_environment(const struct tree *node)
{
    return node->source.ptr && (span_find(node->source, span_from("${env"), 0) != SIZE_MAX ||
                                span_find(node->source, span_from("${file:"), 0) != SIZE_MAX);
}

const char *read_value_words(const struct tree *node, char ret[READ_VALUE_MAX])
{
    struct span text;
    if (!node || node->kind == TREE_NULL)
        (void)snprintf(ret, READ_VALUE_MAX, "nothing");
    else if (!read_text(node, &text))
        (void)snprintf(ret, READ_VALUE_MAX, "%s",
                       node->kind == TREE_ARRAY ? "a list" : "an object");
    else if (read_is_from_environment(node))
        (void)snprintf(ret, READ_VALUE_MAX, "%.*s",
                       (int)(node->source.len < 60 ? node->source.len : 60), node->source.ptr);
    else
        (void)snprintf(ret, READ_VALUE_MAX, "%s%.*s%s%s", node->kind == TREE_STRING ? "\"" : "",
                       (int)(text.len < 60 ? text.len : 60), text.ptr, text.len > 60 ? "..." : "",
                       node->kind == TREE_STRING ? "\"" : "");
    return ret;
}

bool read_text(const struct tree *node, struct span *ret)
{
    if (!node)
        return false;
    switch (node->kind) {
    case TREE_STRING:
        *ret = node->text;
        return true;
    case TREE_NUMBER:
        *ret = node->source.ptr && !read_is_from_environment(node) ? node->source : node->text;
        return true;
    case TREE_BOOL:
        *ret = node->source.ptr && !read_is_from_environment(node)
                   ? node->source
                   : span_from(node->truth ? "true" : "false");
        return true;
    case TREE_NULL:
    case TREE_ARRAY:
    case TREE_OBJECT:
        break;
    }
    return false;
}

static bool name_ends(const struct opt *row, const char *suffix)
{
    return row && span_ends_with(span_from(row->name), suffix);
}

bool read_duration(const struct opt *row, const struct tree *node, int64_t *ret_ns)
{
    double value;
    struct span text;
    if (tree_number(node, &value)) {
        if (name_ends(row, "Seconds"))
            *ret_ns = ns_of_seconds(value);
        else if (name_ends(row, "Minutes"))
            *ret_ns = ns_of_seconds(value * 60);
        else if (value == 0)
            *ret_ns = 0;
        else
            return false;
        return true;
    }
    return tree_string(node, &text) && duration_parse(text, ret_ns) == RC_OK;
}

static bool has_range(const struct opt *row)
{
    return row->min != 0 || row->max != 0;
}

static void print_bound(const struct opt *row, double bound, char ret[DURATION_TEXT_MAX])
{
    if (row->kind == OPT_DURATION)
        (void)duration_print(ns_of_seconds(bound), ret);
    else
        (void)num_print(bound, ret);
}

/* One test for the values of all numeric rows; the bounds are in the unit of the row. */
static bool in_range(struct reader *r, const struct opt *row, const struct tree *node, double value)
{
    char words[READ_VALUE_MAX], min[DURATION_TEXT_MAX], max[DURATION_TEXT_MAX];
    if (isnan(value) || !has_range(row) || (value >= row->min && value <= row->max))
        return true;
    print_bound(row, row->min, min);
    print_bound(row, row->max, max);
    const bool unit = row->kind != OPT_DURATION && row->unit && row->unit[0] != '\0';
    reader_error(r, node, RC_RANGE, "is %s, allowed is %s to %s%s%s", read_value_words(node, words),
                 min, max, unit ? " " : "", unit ? row->unit : "");
    return false;
}

static void wrong_kind(struct reader *r, const struct tree *node, const char *wanted)
{
    char words[READ_VALUE_MAX];
    if (node->kind == TREE_NULL)
        reader_error(r, node, RC_INVALID, "has no value, %s is wanted; or leave the line out",
                     wanted);
    else
        reader_error(r, node, RC_INVALID, "is %s, %s is wanted", read_value_words(node, words),
                     wanted);
}

static void read_int(struct reader *r, const struct opt *row, const struct tree *node, void *member)
{
    int64_t value;
    if (!tree_int(node, &value))
        wrong_kind(r, node,
                   node->kind == TREE_STRING && num_parse_int(node->text, &value) == RC_OK
                       ? "a whole number without quotes"
                       : "a whole number");
    else if (in_range(r, row, node, (double)value))
        memcpy(member, &value, sizeof(value));
}

/* "70%" is taken for numbers in percent. */
static bool number_of(const struct opt *row, const struct tree *node, double *ret)
{
    struct span text;
    if (tree_number(node, ret))
        return isfinite(*ret);
    if (!tree_string(node, &text))
        return false;
    if (row->unit && strcmp(row->unit, "%") == 0 && span_ends_with(text, "%"))
        return num_parse(span_slice(text, 0, text.len - 1), ret) == RC_OK;
    return row->kind == OPT_QUANTITY && num_parse_quantity(text, ret) == RC_OK;
}

static void read_number(struct reader *r, const struct opt *row, const struct tree *node,
                        void *member)
{
    double value;
    if (!number_of(row, node, &value))
        wrong_kind(r, node,
                   row->kind == OPT_QUANTITY ? "a quantity such as 500m, 200k or 16Gi"
                                             : "a number without quotes");
    else if (in_range(r, row, node, value))
        memcpy(member, &value, sizeof(value));
}

static void read_time(struct reader *r, const struct opt *row, const struct tree *node,
                      void *member)
{
    int64_t ns;
    if (read_duration(row, node, &ns)) {
        if (in_range(r, row, node, seconds_of(ns)))
            memcpy(member, &ns, sizeof(ns));
    } else if (node->kind == TREE_NUMBER) {
        struct span text = node->text;
        (void)read_text(node, &text);
        reader_error(r, node, RC_INVALID,
                     "is %.*s, a duration needs a unit: %.*ss, %.*sm or %.*sms", SPAN_ARG(text),
                     SPAN_ARG(text), SPAN_ARG(text), SPAN_ARG(text));
    } else {
        wrong_kind(r, node, "a duration such as 500ms, 1m30s or 7d");
    }
}

static void read_choice(struct reader *r, const struct opt *row, const struct tree *node,
                        void *member)
{
    const char *names[64];
    char all[256], words[READ_VALUE_MAX];
    struct span text;
    size_t n = 0, len = 0;
    const bool known = read_text(node, &text);
    all[0] = '\0';
    for (const struct opt_choice *c = row->choices; c->name && n < COUNT_OF(names); c++) {
        if (known && span_equal_text(text, c->name)) {
            memcpy(member, &c->value, sizeof(c->value));
            return;
        }
        names[n++] = c->name;
        if (len < sizeof(all))
            len +=
                (size_t)snprintf(all + len, sizeof(all) - len, "%s%s", n > 1 ? ", " : "", c->name);
    }
    const char *nearest = known ? name_nearest(text, names, n) : NULL;
    reader_error(r, node, RC_UNKNOWN, "is %s, allowed is %s%s%s%s", read_value_words(node, words),
                 all, nearest ? "; did you mean \"" : "", nearest ? nearest : "",
                 nearest ? "\"?" : "");
}

static bool is_word_of(struct span text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (span_equal_text_nocase(text, words[i]))
            return true;
    return false;
}

static void read_truth(struct reader *r, const struct tree *node, void *member)
{
    static const char *const old[] = {"yes", "no", "on", "off", "y", "n"};
    bool value;
    if (tree_bool(node, &value))
        memcpy(member, &value, sizeof(value));
    else if (node->kind == TREE_STRING && is_word_of(node->text, old, COUNT_OF(old)))
        wrong_kind(r, node, "true or false (YAML 1.2 has no yes, no, on, off)");
    else
        wrong_kind(r, node, "true or false");
}

void read_text_into(struct reader *r, const struct opt *row, const struct tree *node, char *text)
{
    struct span value;
    if (!read_text(node, &value))
        wrong_kind(r, node, "a text");
    else if (value.len >= row->size)
        reader_error(r, node, RC_LIMIT, "has %zu bytes, at most %zu are allowed", value.len,
                     row->size - 1);
    else if (memchr(value.ptr, 0, value.len))
        reader_error(r, node, RC_INVALID, "holds a NUL character, which no text may");
    else {
        memset(text, 0, row->size);
        (void)span_copy(value, text, row->size);
    }
}

void read_scalar(struct reader *r, const struct opt *row, const struct tree *node, void *member)
{
    switch (row->kind) {
    case OPT_BOOL:
        read_truth(r, node, member);
        break;
    case OPT_INT:
        read_int(r, row, node, member);
        break;
    case OPT_NUMBER:
    case OPT_QUANTITY:
        read_number(r, row, node, member);
        break;
    case OPT_DURATION:
        read_time(r, row, node, member);
        break;
    case OPT_TEXT:
        read_text_into(r, row, node, member);
        break;
    case OPT_ENUM:
        read_choice(r, row, node, member);
        break;
    case OPT_STRUCT:
    case OPT_LIST:
    case OPT_TEXTS:
    case OPT_TREE:
        break;
    }
}
