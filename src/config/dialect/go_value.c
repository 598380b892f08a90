/* go_value.c - strconv and time.ParseDuration, as far as their inputs are taken. */
#include "config/dialect/go_value.h"

#include <math.h>

#include "base/duration.h"
#include "base/num.h"

#define FLOAT_TEXT_MAX 256
#define EXPONENT_MAX 5000 /* beyond the range of doubles in any case */
#define MANTISSA_BITS 60  /* kept of a hexadecimal number: more than a double holds */

static char folded(char c)
{
    const int lower = c | 0x20;
    return (char)lower;
}

static int digit_of(char c, bool hex)
{
    const char lower = folded(c);
    if (c >= '0' && c <= '9')
        return c - '0';
    return hex && lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static bool is_hex(struct span text)
{
    return text.len >= 2 && text.ptr[0] == '0' && folded(text.ptr[1]) == 'x';
}

/* Without its underscores; false when one does not stand between digits. */
static bool take_underscores(struct span text, char *ret_text, size_t *ret_len)
{
    const bool hex = is_hex(text);
    char before = '^'; /* '0' after a digit or the prefix, '_' after an underscore, '!' else */
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        const bool digit = digit_of(c, hex) >= 0 || (hex && i == 1);
        if (c == '_' ? before != '0' : !digit && before == '_')
            return false;
        before = '!';
        if (c == '_')
            before = '_';
        else if (digit)
            before = '0';
        if (c == '_')
            continue;
        if (len == FLOAT_TEXT_MAX)
            return false;
        ret_text[len++] = c;
    }
    *ret_len = len;
    return before != '_';
}

/* mantissa * 2^exponent, by multiplication: exact but for one rounding at the end. */
static double scaled(uint64_t mantissa, int64_t exponent)
{
    double value = (double)mantissa;
    for (; exponent > 0 && !isinf(value); exponent--)
        value *= 2;
    for (; exponent < 0 && value > 0; exponent++)
        value /= 2;
    return value;
}

/* After "0x": digits with an optional point, then p and a decimal exponent. */
static enum rc hex_float(struct span text, double *ret)
{
    uint64_t mantissa = 0;
    int64_t exponent = 0;
    int64_t power = 0;
    bool any = false;
    bool point = false;
    size_t i = 0;
    for (; i < text.len && folded(text.ptr[i]) != 'p'; i++) {
        const int digit = digit_of(text.ptr[i], true);
        if (digit < 0 && (text.ptr[i] != '.' || point))
            return RC_SYNTAX;
        point |= digit < 0;
        if (digit < 0)
            continue;
        any = true;
        const bool room = mantissa >> MANTISSA_BITS == 0;
        if (room)
            mantissa = mantissa << 4 | (uint64_t)digit;
        else
            mantissa |= digit > 0; /* what falls off still tells up from down */
        exponent += (room ? 0 : 4) - (point ? 4 : 0);
    }
    struct span rest = span_slice(text, i + 1, SIZE_MAX);
    if (!any || i == text.len || go_int(rest, -EXPONENT_MAX, EXPONENT_MAX, &power) == RC_SYNTAX)
        return RC_SYNTAX;
    const double value = scaled(mantissa, exponent + power);
    if (isinf(value))
        return RC_RANGE;
    *ret = value;
    return RC_OK;
}

enum rc go_float(struct span text, double *ret)
{
    const bool sign = text.len > 0 && (text.ptr[0] == '+' || text.ptr[0] == '-');
    struct span rest = span_slice(text, sign, SIZE_MAX);
    char clean[FLOAT_TEXT_MAX];
    size_t len = 0;
    double value = 0;
    enum rc rc = RC_OK;
    if (span_equal_text_nocase(rest, "inf") || span_equal_text_nocase(rest, "infinity")) {
        value = (double)INFINITY;
    } else if (!sign && span_equal_text_nocase(rest, "nan")) {
        value = (double)NAN;
    } else {
        if (rest.len == 0 || !(digit_of(rest.ptr[0], false) >= 0 || rest.ptr[0] == '.') ||
            !take_underscores(rest, clean, &len))
            return RC_SYNTAX;
        rest = span_of(clean, len);
        rc = is_hex(rest) ? hex_float(span_slice(rest, 2, SIZE_MAX), &value)
                          : num_parse_prometheus(rest, &value);
    }
    if (rc == RC_OK)
        *ret = sign && text.ptr[0] == '-' ? -value : value;
    return rc;
}

enum rc go_int(struct span text, int64_t low, int64_t high, int64_t *ret)
{
    const bool plus = text.len > 1 && text.ptr[0] == '+' && text.ptr[1] != '-';
    int64_t value = 0;
    const enum rc rc = num_parse_int(span_slice(text, plus, SIZE_MAX), &value);
    if (rc != RC_OK)
        return rc;
    if (value < low || value > high)
        return RC_RANGE;
    *ret = value;
    return RC_OK;
}

enum rc go_duration(struct span text, int64_t *ret_ns)
{
    if (span_find_byte(text, 'd', 0) != SIZE_MAX)
        return RC_SYNTAX;
    return duration_parse(text, ret_ns);
}

enum rc go_bool(struct span text, bool *ret)
{
    static const char *const yes[] = {"1", "t", "T", "TRUE", "true", "True"};
    static const char *const no[] = {"0", "f", "F", "FALSE", "false", "False"};
    for (size_t i = 0; i < COUNT_OF(yes); i++) {
        if (span_equal_text(text, yes[i]) || span_equal_text(text, no[i])) {
            *ret = span_equal_text(text, yes[i]);
            return RC_OK;
        }
    }
    return RC_SYNTAX;
}
