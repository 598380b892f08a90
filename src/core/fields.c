#include "core/fields.h"

#include <math.h>
#include <string.h>

#include "base/num.h"

static size_t size_of(enum field_kind kind)
{
    switch (kind) {
    case FIELD_I64:
    case FIELD_U64:
    case FIELD_F64:
        return 8;
    case FIELD_I32:
    case FIELD_U32:
        return 4;
    case FIELD_U8:
        return 1;
    }
    return 0;
}

void fields_print_number(double value, struct json_writer *w)
{
    if (isinf(value))
        json_text(w, value > 0 ? "+Inf" : "-Inf");
    else
        json_number(w, value);
}

bool fields_parse_number(const struct tree *json, double *ret)
{
    struct span text;
    if (json == NULL)
        return false;
    if (json->kind == TREE_NULL) {
        *ret = NAN;
        return true;
    }
    if (tree_string(json, &text)) {
        if (!span_equal_text(text, "+Inf") && !span_equal_text(text, "-Inf"))
            return false;
        *ret = text.ptr[0] == '+' ? (double)INFINITY : -(double)INFINITY;
        return true;
    }
    return tree_number(json, ret);
}

static void print_one(enum field_kind kind, const unsigned char *at, struct json_writer *w)
{
    int64_t i64;
    uint64_t u64;
    double f64;
    int32_t i32;
    uint32_t u32;
    switch (kind) {
    case FIELD_I64:
        memcpy(&i64, at, sizeof(i64));
        json_int(w, i64);
        break;
    case FIELD_U64:
        memcpy(&u64, at, sizeof(u64));
        json_uint(w, u64);
        break;
    case FIELD_F64:
        memcpy(&f64, at, sizeof(f64));
        fields_print_number(f64, w);
        break;
    case FIELD_I32:
        memcpy(&i32, at, sizeof(i32));
        json_int(w, i32);
        break;
    case FIELD_U32:
        memcpy(&u32, at, sizeof(u32));
        json_uint(w, u32);
        break;
    case FIELD_U8:
        json_uint(w, *at);
        break;
    }
}

static bool differs(const struct field *row, const void *a, const void *b)
{
    const unsigned char *x = (const unsigned char *)a + row->offset;
    const unsigned char *y = (const unsigned char *)b + row->offset;
    return memcmp(x, y, row->count * size_of(row->kind)) != 0;
}

void fields_print(const struct field *rows, size_t count, const void *base, const void *defaults,
                  struct json_writer *w)
{
    for (size_t i = 0; i < count; i++) {
        if (defaults != NULL && !differs(&rows[i], base, defaults))
            continue;
        const unsigned char *at = (const unsigned char *)base + rows[i].offset;
        json_key(w, rows[i].name);
        if (rows[i].count == 1) {
            print_one(rows[i].kind, at, w);
            continue;
        }
        json_array(w);
        for (uint32_t n = 0; n < rows[i].count; n++)
            print_one(rows[i].kind, at + n * size_of(rows[i].kind), w);
        json_array_end(w);
    }
}

static bool parse_u64(const struct tree *json, uint64_t *ret)
{
    int64_t small;
    if (tree_int(json, &small)) {
        *ret = (uint64_t)small;
        return small >= 0;
    }
    if (json == NULL || json->kind != TREE_NUMBER || json->text.len == 0 || json->text.len > 20)
        return false;
    uint64_t value = 0;
    for (size_t i = 0; i < json->text.len; i++) {
        const unsigned digit = (unsigned)(unsigned char)json->text.ptr[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(value, UINT64_C(10), &value) ||
            __builtin_add_overflow(value, (uint64_t)digit, &value))
            return false;
    }
    *ret = value;
    return true;
}

static bool parse_int(enum field_kind kind, const struct tree *json, unsigned char *at)
{
    int64_t i64;
    if (!tree_int(json, &i64))
        return false;
    const int32_t i32 = (int32_t)num_clamp(i64, INT32_MIN, INT32_MAX);
    const uint32_t u32 = (uint32_t)num_clamp(i64, 0, UINT32_MAX);
    if (kind == FIELD_I64)
        memcpy(at, &i64, sizeof(i64));
    else if (kind == FIELD_I32 && i32 == i64)
        memcpy(at, &i32, sizeof(i32));
    else if (kind == FIELD_U32 && (int64_t)u32 == i64)
        memcpy(at, &u32, sizeof(u32));
    else if (kind == FIELD_U8 && i64 >= 0 && i64 <= UINT8_MAX)
        *at = (unsigned char)i64;
    else
        return false;
    return true;
}

static bool parse_one(enum field_kind kind, const struct tree *json, unsigned char *at)
{
    uint64_t u64;
    double f64;
    bool truth;
    if (kind == FIELD_U64) {
        if (!parse_u64(json, &u64))
            return false;
        memcpy(at, &u64, sizeof(u64));
        return true;
    }
    if (kind == FIELD_F64) {
        if (!fields_parse_number(json, &f64))
            return false;
        memcpy(at, &f64, sizeof(f64));
        return true;
    }
    if (kind == FIELD_U8 && tree_bool(json, &truth)) {
        *at = truth;
        return true;
    }
    return parse_int(kind, json, at);
}

static bool parse_field(const struct field *row, const struct tree *json, unsigned char *base)
{
    unsigned char *at = base + row->offset;
    if (row->count == 1)
        return parse_one(row->kind, json, at);
    if (json->kind != TREE_ARRAY || json->count != row->count)
        return false;
    const struct tree *item = json->first;
    for (uint32_t n = 0; n < row->count; n++, item = item->next)
        if (!parse_one(row->kind, item, at + n * size_of(row->kind)))
            return false;
    return true;
}

enum rc fields_parse(const struct field *rows, size_t count, const struct tree *object, bool all,
                     void *base, struct diag *diag)
{
    for (size_t i = 0; i < count; i++) {
        const struct tree *json = tree_get(object, rows[i].name);
        if (json == NULL && !all)
            continue;
        if (json == NULL)
            return fail(diag, RC_MISSING, "\"%s\" is missing", rows[i].name);
        if (!parse_field(&rows[i], json, base)) {
            diag_position(diag, json->line, json->column);
            (void)fail(diag, RC_INVALID, "%s does not fit", tree_kind_name(json->kind));
            diag_at(diag, "%s", rows[i].name);
            return RC_INVALID;
        }
    }
    return RC_OK;
}

#define CHUNK 32 /* bytes written at once */

void fields_print_words(const void *bytes, size_t size, struct json_writer *w)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *at = bytes;
    while (size > 0 && at[size - 1] == 0)
        size--;
    json_array(w);
    for (size_t from = 0; from < size; from += CHUNK) {
        char text[2 * CHUNK];
        size_t len = 0;
        for (size_t i = from; i < size && i < from + CHUNK; i++) {
            text[len++] = digits[at[i] >> 4];
            text[len++] = digits[at[i] & 15];
        }
        json_string(w, span_of(text, len));
    }
    json_array_end(w);
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum rc fields_parse_words(const struct tree *json, void *bytes, size_t size, struct diag *diag)
{
    unsigned char *at = bytes;
    size_t used = 0;
    if (json == NULL || json->kind != TREE_ARRAY)
        return fail(diag, RC_INVALID, "an array of hex digits is expected");
    memset(bytes, 0, size);
    for (const struct tree *chunk = json->first; chunk != NULL; chunk = chunk->next) {
        struct span text;
        if (!tree_string(chunk, &text) || text.len % 2 != 0 || text.len / 2 > size - used)
            return fail(diag, RC_INVALID, "hex digits for at most %zu bytes are expected", size);
        for (size_t i = 0; i < text.len; i += 2) {
            const int high = digit_of(text.ptr[i]);
            const int low = digit_of(text.ptr[i + 1]);
            if (high < 0 || low < 0)
                return fail(diag, RC_INVALID, "\"%.*s\" are no hex digits", SPAN_ARG(text));
            at[used++] = (unsigned char)(high << 4 | low);
        }
    }
    return RC_OK;
}
