/* yaml_scalar.c - the core schema of YAML 1.2: which kind an unquoted scalar has. */
#include <stdbool.h>
#include <string.h>

#include "base/span.h"
#include "base/tree.h"
#include "config/yaml.h"

static bool is_word(struct span s, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (span_equal_text(s, words[i]))
            return true;
    return false;
}

static size_t digits_at(struct span s, size_t from)
{
    size_t n = 0;
    while (from + n < s.len && s.ptr[from + n] >= '0' && s.ptr[from + n] <= '9')
        n++;
    return n;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 99;
}

/* 0o17 and 0x1F: no sign, value below 2^63; larger ones stay strings. */
static bool read_prefixed(struct span s, uint64_t *ret)
{
    if (s.len < 3 || s.ptr[0] != '0' || (s.ptr[1] != 'o' && s.ptr[1] != 'x'))
        return false;
    const uint64_t base = s.ptr[1] == 'o' ? 8 : 16;
    uint64_t value = 0;
    for (size_t i = 2; i < s.len; i++) {
        const int digit = digit_of(s.ptr[i]);
        if ((uint64_t)digit >= base || value > (INT64_MAX - 15) / base)
            return false;
        value = value * base + (uint64_t)digit;
    }
    *ret = value;
    return true;
}

/* [-+]? ( digits ( . digits? )? | . digits ) ( [eE] [-+]? digits )? */
struct decimal {
    bool negative;
    struct span whole;
    struct span fraction;
    struct span exponent; /* with its sign */
};

static bool read_decimal(struct span s, struct decimal *ret)
{
    struct decimal d = {0};
    size_t i = 0;
    if (s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+')) {
        d.negative = s.ptr[0] == '-';
        i = 1;
    }
    d.whole = span_slice(s, i, digits_at(s, i));
    i += d.whole.len;
    if (i < s.len && s.ptr[i] == '.') {
        i++;
        d.fraction = span_slice(s, i, digits_at(s, i));
        i += d.fraction.len;
    }
    if (d.whole.len + d.fraction.len == 0)
        return false;
    if (i < s.len && (s.ptr[i] == 'e' || s.ptr[i] == 'E')) {
        const size_t sign = i + 1 < s.len && (s.ptr[i + 1] == '-' || s.ptr[i + 1] == '+');
        const size_t n = digits_at(s, i + 1 + sign);
        if (n == 0)
            return false;
        d.exponent = span_slice(s, i + 1, sign + n);
        i += 1 + sign + n;
    }
    *ret = d;
    return i == s.len;
}

/* The number as JSON writes it: no leading plus or zeros, a digit on both sides of the point. */
static struct span print_decimal(struct arena *arena, const struct decimal *d)
{
    char *out = arena_alloc(arena, d->whole.len + d->fraction.len + d->exponent.len + 8);
    if (!out)
        return span_of(NULL, 0);
    struct span whole = d->whole;
    while (whole.len > 1 && whole.ptr[0] == '0')
        whole = span_slice(whole, 1, whole.len - 1);
    size_t n = 0;
    if (d->negative)
        out[n++] = '-';
    if (whole.len == 0)
        out[n++] = '0';
    else
        memcpy(out + n, whole.ptr, whole.len);
    n += whole.len;
    if (d->fraction.len > 0) {
        out[n++] = '.';
        memcpy(out + n, d->fraction.ptr, d->fraction.len);
        n += d->fraction.len;
    }
    if (d->exponent.len > 0) {
        out[n++] = 'e';
        memcpy(out + n, d->exponent.ptr, d->exponent.len);
        n += d->exponent.len;
    }
    return span_of(out, n);
}

static struct span print_uint(struct arena *arena, uint64_t value)
{
    char *out = arena_alloc(arena, 24);
    if (!out)
        return span_of(NULL, 0);
    size_t at = 24;
    do {
        out[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return span_of(out + at, 24 - at);
}

bool yaml_type_plain(struct arena *arena, struct span written, struct tree *node)
{
    static const char *const nulls[] = {"null", "Null", "NULL", "~", ""};
    static const char *const trues[] = {"true", "True", "TRUE"};
    static const char *const falses[] = {"false", "False", "FALSE"};
    struct decimal decimal;
    uint64_t value;

    node->quoted = false;
    node->source = written;
    node->text = written;
    if (is_word(written, nulls, COUNT_OF(nulls))) {
        node->kind = TREE_NULL;
    } else if (is_word(written, trues, COUNT_OF(trues)) ||
               is_word(written, falses, COUNT_OF(falses))) {
        node->kind = TREE_BOOL;
        node->truth = written.ptr[0] == 't' || written.ptr[0] == 'T';
    } else if (read_decimal(written, &decimal)) {
        node->kind = TREE_NUMBER;
        node->text = print_decimal(arena, &decimal);
    } else if (read_prefixed(written, &value)) {
        node->kind = TREE_NUMBER;
        node->text = print_uint(arena, value);
    } else {
        node->kind = TREE_STRING;
    }
    return node->text.ptr != NULL || node->kind == TREE_NULL;
}
