#include "sim/trace_format.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"
#include "base/tree.h"

#define JSON_ARENA_BYTES (64U << 20) /* of one line of TRACE_LINE_BYTES_MAX bytes */
#define BLOCK_TOKENS 512             /* of a Mooncake block */
#define ARRIVAL_MS_MAX 1e13          /* three centuries */

#define FIELDS(...)                                                                                \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
static const struct trace_format formats[] = {
    {"sluice",
     FIELDS("arrival_ms", "input_tokens", "output_tokens", "session_id", "ideal_cached_tokens"),
     NULL, TRACE_TIME_MS, false, false},
    {"azure", FIELDS("TIMESTAMP", "ContextTokens", "GeneratedTokens", NULL, NULL), NULL,
     TRACE_TIME_DATE, false, false},
    {"burstgpt", FIELDS("Timestamp", "Request tokens", "Response tokens", "Session ID", NULL), NULL,
     TRACE_TIME_S, false, false},
    {"mooncake", FIELDS("timestamp", "input_length", "output_length", "session_id", NULL),
     "hash_ids", TRACE_TIME_MS, true, false},
    {"lengths", FIELDS(NULL, "input_tokens", "output_tokens", NULL, NULL), NULL, TRACE_TIME_MS,
     false, true},
};

bool trace_next_field(struct span *rest, bool *more, struct span *ret)
{
    if (!*more)
        return false;
    if (rest->len > 0 && rest->ptr[0] == '"') {
        const size_t end = span_find_byte(*rest, '"', 1);
        if (end != SIZE_MAX && (end + 1 == rest->len || rest->ptr[end + 1] == ',')) {
            *ret = span_slice(*rest, 1, end - 1);
            *more = end + 1 < rest->len;
            *rest = span_slice(*rest, end + 2, rest->len - (*more ? end + 2 : rest->len));
            return true;
        }
    }
    const size_t comma = span_find_byte(*rest, ',', 0);
    *more = comma != SIZE_MAX;
    *ret = span_trim(*more ? span_slice(*rest, 0, comma) : *rest);
    *rest = *more ? span_slice(*rest, comma + 1, rest->len - comma - 1) : span_of(NULL, 0);
    return true;
}

int trace_match_header(const char *const *field, size_t count, size_t needed, struct span header,
                       uint32_t *ret_column)
{
    struct span name;
    bool more = true;
    int found = 0;
    for (size_t i = 0; i < count; i++)
        ret_column[i] = TRACE_NO_COLUMN;
    for (uint32_t index = 0; index < TRACE_COLUMNS_MAX && trace_next_field(&header, &more, &name);
         index++) {
        for (size_t i = 0; i < count; i++) {
            if (field[i] == NULL || !span_equal_text_nocase(name, field[i]) ||
                ret_column[i] != TRACE_NO_COLUMN)
                continue;
            ret_column[i] = index;
            found += i < needed ? 1 : 0;
        }
    }
    return found;
}

static enum rc wrong_header(struct span line, int best, const struct trace_format *nearest,
                            struct diag *diag)
{
    const int shown = line.len < 80 ? (int)line.len : 80;
    if (best > 0)
        return fail(diag, RC_MISSING, "the %s format needs the columns %s, %s and %s; found '%.*s'",
                    nearest->name, nearest->field[0], nearest->field[1], nearest->field[2], shown,
                    line.ptr);
    return fail(diag, RC_UNKNOWN,
                "first line '%.*s' is of no known trace format (sluice, azure, burstgpt, mooncake)",
                shown, line.ptr);
}

enum rc trace_detect(struct span line, struct trace_layout *ret, bool *ret_consumed,
                     struct diag *diag)
{
    const struct trace_format *nearest = &formats[0];
    int best = 0;
    *ret_consumed = true;
    *ret = (struct trace_layout){.format = NULL};
    ret->total = trace_detect_total(line, ret->column);
    if (ret->total != NULL)
        return RC_OK;
    for (size_t i = 0; i < COUNT_OF(formats); i++) {
        struct trace_layout layout = {.format = &formats[i]};
        if (formats[i].json) {
            if (!span_starts_with(line, "{"))
                continue;
            *ret = layout;
            *ret_consumed = false;
            return RC_OK;
        }
        const int found = trace_match_header(formats[i].field, TRACE_FIELDS, COLUMN_OUTPUT + 1,
                                             line, layout.column);
        if (found == (formats[i].lengths ? 2 : 3) &&
            (!formats[i].lengths || layout.column[COLUMN_INPUT] == 0)) {
            *ret = layout;
            return RC_OK;
        }
        if (found > best) {
            best = found;
            nearest = &formats[i];
        }
    }
    return wrong_header(line, best, nearest, diag);
}

static enum rc read_tokens(double value, const char *what, int64_t *ret, struct diag *diag)
{
    if (!(value >= 0 && value <= (double)TRACE_TOKENS_MAX)) {
        char text[NUM_TEXT_MAX];
        (void)num_print(value, text);
        return fail(diag, RC_RANGE, "%s is %s, allowed is 0 to %" PRId64, what, text,
                    TRACE_TOKENS_MAX);
    }
    if (value != floor(value))
        return fail(diag, RC_RANGE, "%s is not a whole number", what);
    *ret = (int64_t)value;
    return RC_OK;
}

static enum rc read_time(double value, enum trace_time unit, int64_t *ret, struct diag *diag)
{
    const double ms = unit == TRACE_TIME_S ? value * 1e3 : value;
    if (!(ms >= 0 && ms <= ARRIVAL_MS_MAX))
        return fail(diag, RC_RANGE, "arrival time is negative or absurdly late");
    *ret = (int64_t)rint(value * (unit == TRACE_TIME_S ? 1e9 : 1e6));
    return RC_OK;
}

/* "2023-11-16 18:17:03.9799600", with or without a zone: RFC 3339 but for the blank. */
static enum rc read_date(struct span text, int64_t *ret, struct diag *diag)
{
    char copy[DURATION_TEXT_MAX + 2];
    if (text.len < 19 || text.len > DURATION_TEXT_MAX || !span_copy(text, copy, sizeof copy - 1))
        return fail(diag, RC_SYNTAX, "'%.*s' is no time like 2023-11-16 18:17:03.97",
                    text.len < 40 ? (int)text.len : 40, text.ptr);
    copy[10] = 'T';
    size_t len = text.len;
    if (strchr(copy + 19, '+') == NULL && strchr(copy + 19, '-') == NULL && copy[len - 1] != 'Z')
        copy[len++] = 'Z';
    if (time_parse_rfc3339(span_of(copy, len), ret) != RC_OK)
        return fail(diag, RC_SYNTAX, "'%.*s' is no time like 2023-11-16 18:17:03.97",
                    SPAN_ARG(text));
    return RC_OK;
}

static enum rc read_field(const struct trace_format *format, enum trace_column column,
                          struct span text, struct trace_row *row, struct diag *diag)
{
    const char *name = format->field[column];
    if (text.len == 0 && column > COLUMN_OUTPUT)
        return RC_OK; /* an empty field of an optional column: not published */
    if (column == COLUMN_SESSION) {
        row->session = hash_span(1, text) | 1;
        return RC_OK;
    }
    if (column == COLUMN_ARRIVAL && format->time == TRACE_TIME_DATE)
        return read_date(text, &row->arrival_ns, diag);
    double value;
    if (num_parse(text, &value) != RC_OK)
        return fail(diag, RC_SYNTAX, "%s is '%.*s', a number is needed", name,
                    text.len < 40 ? (int)text.len : 40, text.ptr);
    switch (column) {
    case COLUMN_ARRIVAL:
        return read_time(value, format->time, &row->arrival_ns, diag);
    case COLUMN_INPUT:
        return read_tokens(value, name, &row->input_tokens, diag);
    case COLUMN_OUTPUT:
        return read_tokens(value, name, &row->output_tokens, diag);
    case COLUMN_CACHED:
        return read_tokens(value, name, &row->cached_tokens, diag);
    case COLUMN_SESSION:
        break;
    }
    return RC_OK;
}

enum rc trace_parse_csv(const struct trace_layout *layout, struct span line, struct trace_row *ret,
                        struct diag *diag)
{
    struct trace_row row = {0};
    struct span field;
    bool more = true;
    bool seen[TRACE_FIELDS] = {false};
    for (uint32_t index = 0; trace_next_field(&line, &more, &field); index++) {
        for (size_t i = 0; i < TRACE_FIELDS; i++) {
            if (layout->column[i] != index)
                continue;
            seen[i] = true;
            enum rc rc = read_field(layout->format, (enum trace_column)i, field, &row, diag);
            if (rc != RC_OK)
                return rc;
        }
    }
    for (size_t i = 0; i <= COLUMN_OUTPUT; i++) {
        if (!seen[i] && layout->format->field[i] != NULL)
            return fail(diag, RC_SYNTAX, "the line has no field for %s", layout->format->field[i]);
    }
    *ret = row;
    return RC_OK;
}

/* The leading run of blocks seen before is what a cache would hold; all are remembered. */
static int64_t cached_of(const struct tree *ids, int64_t input_tokens, struct block_set *blocks)
{
    int64_t hits = 0;
    bool leading = true;
    for (const struct tree *id = ids != NULL && ids->kind == TREE_ARRAY ? ids->first : NULL;
         id != NULL; id = id->next) {
        int64_t value;
        if (!tree_int(id, &value))
            continue;
        leading = leading && block_set_has(blocks, (uint64_t)value);
        hits += leading ? 1 : 0;
        block_set_add(blocks, (uint64_t)value, TRACE_BLOCKS_MAX);
    }
    const int64_t tokens = hits * BLOCK_TOKENS;
    return tokens < input_tokens ? tokens : input_tokens;
}

static enum rc read_members(const struct trace_format *format, const struct tree *object,
                            struct block_set *blocks, struct trace_row *row, struct diag *diag)
{
    double value[3];
    for (size_t i = 0; i <= COLUMN_OUTPUT; i++) {
        if (!tree_number(tree_get(object, format->field[i]), &value[i]))
            return fail(diag, RC_SYNTAX, "member '%s' is missing or no number", format->field[i]);
    }
    enum rc rc = read_time(value[COLUMN_ARRIVAL], format->time, &row->arrival_ns, diag);
    if (rc == RC_OK)
        rc =
            read_tokens(value[COLUMN_INPUT], format->field[COLUMN_INPUT], &row->input_tokens, diag);
    if (rc == RC_OK)
        rc = read_tokens(value[COLUMN_OUTPUT], format->field[COLUMN_OUTPUT], &row->output_tokens,
                         diag);
    if (rc != RC_OK)
        return rc;
    const struct tree *session = tree_get(object, format->field[COLUMN_SESSION]);
    if (session != NULL && session->text.len > 0)
        row->session = hash_span(1, session->text) | 1;
    row->cached_tokens = cached_of(tree_get(object, format->blocks), row->input_tokens, blocks);
    return RC_OK;
}

enum rc trace_parse_json(const struct trace_layout *layout, struct span line,
                         struct block_set *blocks, struct trace_row *ret, struct diag *diag)
{
    struct arena arena;
    arena_init(&arena, JSON_ARENA_BYTES);
    const struct tree *object;
    const struct json_limits limits = {.depth_max = 8};
    struct trace_row row = {0};
    enum rc rc = json_read(&arena, line, &limits, &object, diag);
    if (rc == RC_OK)
        rc = read_members(layout->format, object, blocks, &row, diag);
    if (rc == RC_OK)
        *ret = row;
    arena_done(&arena);
    return rc;
}
