/* num.c - decimal text to double and back, quantities, saturating integers.
 *
 * Only this file may call strtod_l and print floating point with snprintf; both are kept
 * independent of the locale. The mathematical functions are in num_math.c. */
#include "base/num.h"

#include <assert.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A double is decided by at most 768 significant digits; one more says "and something". */
#define DIGITS_MAX 770
#define EXPONENT_CAP 100000 /* beyond any double, far from overflow of the arithmetic */

/* A decimal number taken apart: mantissa x 10^(places + exponent). */
struct decimal {
    bool negative;
    bool exact;         /* the mantissa holds every digit */
    uint64_t mantissa;  /* first 19 significant digits */
    int64_t places;     /* power of ten of the last digit of the mantissa */
    int64_t exponent;   /* as written behind the 'e', or given by a suffix */
    struct span digits; /* integer and fraction as written, with the point */
    size_t used;        /* bytes of the input */
};

enum grammar { GRAMMAR_JSON, GRAMMAR_LOOSE }; /* loose: leading '+' and zeros, ".5", "5." */

static const double exact_power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                     1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                     1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Takes digits from text[i] on; returns the index behind them. */
static size_t take_digits(struct span text, size_t i, bool fraction, struct decimal *d)
{
    for (; i < text.len && is_digit(text.ptr[i]); i++) {
        if (d->mantissa < UINT64_C(1000000000000000000)) {
            d->mantissa = d->mantissa * 10 + (uint64_t)(text.ptr[i] - '0');
            d->places -= fraction;
        } else {
            d->exact = d->exact && text.ptr[i] == '0';
            d->places += !fraction;
        }
    }
    return i;
}

/* Sign, digits and fraction; the exponent is taken by those who want one. */
static bool take_number(struct span text, enum grammar grammar, struct decimal *ret)
{
    struct decimal d = {.exact = true};
    size_t i = 0;
    if (i < text.len && (text.ptr[i] == '-' || (text.ptr[i] == '+' && grammar == GRAMMAR_LOOSE)))
        d.negative = text.ptr[i++] == '-';
    const size_t start = i;
    i = take_digits(text, i, false, &d);
    const size_t whole = i - start;
    size_t fraction = 0;
    const bool point = i < text.len && text.ptr[i] == '.';
    if (point) {
        const size_t first = i + 1;
        i = take_digits(text, first, true, &d);
        fraction = i - first;
    }
    if (whole + fraction == 0)
        return false;
    if (grammar == GRAMMAR_JSON &&
        (whole == 0 || (whole > 1 && text.ptr[start] == '0') || (point && fraction == 0)))
        return false;
    d.digits = span_slice(text, start, i - start);
    d.used = i;
    *ret = d;
    return true;
}

/* The "e+12" part at the end of what was taken, if there is one; false when it has no digits. */
static bool take_exponent(struct span text, struct decimal *d)
{
    size_t i = d->used;
    if (i >= text.len || (text.ptr[i] != 'e' && text.ptr[i] != 'E'))
        return true;
    i++;
    bool minus = false;
    if (i < text.len && (text.ptr[i] == '+' || text.ptr[i] == '-'))
        minus = text.ptr[i++] == '-';
    if (i >= text.len || !is_digit(text.ptr[i]))
        return false;
    int64_t exponent = 0;
    for (; i < text.len && is_digit(text.ptr[i]); i++)
        if (exponent < INT64_C(1000000000000000))
            exponent = exponent * 10 + (text.ptr[i] - '0');
    d->exponent = minus ? -exponent : exponent;
    d->used = i;
    return true;
}

/* Correctly rounded by the C library, from at most DIGITS_MAX significant digits. */
static double convert_slow(const struct decimal *d)
{
    char text[DIGITS_MAX + 32];
    size_t len = 0;
    int64_t places = 0;
    bool more = false;
    bool fraction = false;
    for (size_t i = 0; i < d->digits.len; i++) {
        const char c = d->digits.ptr[i];
        if (c == '.') {
            fraction = true;
        } else if (len < DIGITS_MAX) {
            if (len > 0 || c != '0')
                text[len++] = c;
            places -= fraction;
        } else {
            more |= c != '0';
            places += !fraction;
        }
    }
    if (more) {
        text[len++] = '1';
        places--;
    }
    const int64_t exponent = num_clamp(places + d->exponent, -EXPONENT_CAP, EXPONENT_CAP);
    (void)snprintf(text + len, sizeof(text) - len, "e%d", (int)exponent);
    /* The "C" locale object of the C library is static: no allocation, nothing to free. */
    return strtod_l(text, NULL, newlocale(LC_ALL_MASK, "C", (locale_t)0));
}

/* Overflow gives an infinity. */
static double convert(const struct decimal *d)
{
    double value;
    const int64_t power = d->places + d->exponent;
    if (d->mantissa == 0)
        value = 0.0;
    else if (d->exact && d->mantissa <= UINT64_C(1) << 53 && power >= 0 && power <= 22)
        value = (double)d->mantissa * exact_power[power]; /* both exact: rounded once */
    else if (d->exact && d->mantissa <= UINT64_C(1) << 53 && power < 0 && power >= -22)
        value = (double)d->mantissa / exact_power[-power];
    else
        value = convert_slow(d);
    return d->negative ? -value : value;
}

static enum rc parse_whole(struct span text, enum grammar grammar, double *ret)
{
    struct decimal d;
    if (!take_number(text, grammar, &d) || !take_exponent(text, &d) || d.used != text.len)
        return RC_SYNTAX;
    const double value = convert(&d);
    if (isinf(value))
        return RC_RANGE;
    *ret = value;
    return RC_OK;
}

enum rc num_parse(struct span text, double *ret)
{
    return parse_whole(text, GRAMMAR_JSON, ret);
}

enum rc num_parse_prometheus(struct span text, double *ret)
{
    static const struct {
        const char *text;
        double value;
    } words[] = {
        {"+inf", INFINITY},     {"inf", INFINITY},
        {"-inf", -INFINITY},    {"+infinity", INFINITY},
        {"infinity", INFINITY}, {"-infinity", -INFINITY},
        {"nan", NAN},
    };
    if (text.len > 0 && !is_digit(text.ptr[text.len - 1]) && text.ptr[text.len - 1] != '.') {
        for (size_t i = 0; i < COUNT_OF(words); i++) {
            if (span_equal_text_nocase(text, words[i].text)) {
                *ret = words[i].value;
                return RC_OK;
            }
        }
        return RC_SYNTAX;
    }
    return parse_whole(text, GRAMMAR_LOOSE, ret);
}

enum rc num_parse_int(struct span text, int64_t *ret)
{
    const bool negative = text.len > 0 && text.ptr[0] == '-';
    if (text.len == (negative ? 1U : 0U))
        return RC_SYNTAX;
    int64_t value = 0;
    bool overflow = false;
    for (size_t i = negative; i < text.len; i++) {
        if (!is_digit(text.ptr[i]))
            return RC_SYNTAX;
        const int digit = text.ptr[i] - '0';
        overflow |= __builtin_mul_overflow(value, INT64_C(10), &value);
        overflow |= __builtin_add_overflow(value, negative ? -digit : digit, &value);
    }
    if (overflow)
        return RC_RANGE;
    *ret = value;
    return RC_OK;
}

enum rc num_parse_hex(struct span text, uint64_t *ret)
{
    if (text.len == 0)
        return RC_SYNTAX;
    uint64_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        const char folded = (char)(c | 0x20);
        if (is_digit(c))
            value = value << 4 | (uint64_t)(c - '0');
        else if (folded >= 'a' && folded <= 'f')
            value = value << 4 | (uint64_t)(folded - 'a' + 10);
        else
            return RC_SYNTAX;
    }
    if (text.len > 16)
        return RC_RANGE;
    *ret = value;
    return RC_OK;
}

/* Suffixes of quantities: a power of ten or a power of two. */
static const struct {
    const char *text;
    int power10;
    int power2;
} suffixes[] = {
    {"", 0, 0},    {"n", -9, 0},  {"u", -6, 0},  {"m", -3, 0},  {"k", 3, 0},   {"M", 6, 0},
    {"G", 9, 0},   {"T", 12, 0},  {"P", 15, 0},  {"E", 18, 0},  {"Ki", 0, 10}, {"Mi", 0, 20},
    {"Gi", 0, 30}, {"Ti", 0, 40}, {"Pi", 0, 50}, {"Ei", 0, 60},
};

static bool find_suffix(struct span suffix, size_t *ret)
{
    for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
        if (span_equal_text(suffix, suffixes[i].text)) {
            *ret = i;
            return true;
        }
    }
    return false;
}

enum rc num_parse_quantity(struct span text, double *ret)
{
    struct decimal d;
    if (!take_number(text, GRAMMAR_LOOSE, &d))
        return RC_SYNTAX;
    double factor = 1.0;
    size_t row;
    if (find_suffix(span_slice(text, d.used, text.len), &row)) {
        d.exponent = suffixes[row].power10;
        factor = (double)(UINT64_C(1) << suffixes[row].power2); /* exact: rounds only the digits */
    } else if (!take_exponent(text, &d) || d.used != text.len) {
        return RC_SYNTAX;
    }
    const double value = convert(&d) * factor;
    if (isinf(value))
        return RC_RANGE;
    *ret = value;
    return RC_OK;
}

/* Lays digits (no point, at least one) with their decimal exponent out as JavaScript does:
 * `point` is the number of digits before the decimal point, also negative or beyond the digits. */
static size_t lay_out(const char *digits, int count, int point, char *out)
{
    char *p = out;
    if (point > 0 && point <= 21) {
        for (int i = 0; i < point || i < count; i++) {
            if (i == point)
                *p++ = '.';
            if (i < count)
                *p++ = digits[i];
            else
                *p++ = '0';
        }
    } else if (point > -6 && point <= 0) {
        *p++ = '0';
        *p++ = '.';
        for (int i = point; i < 0; i++)
            *p++ = '0';
        memcpy(p, digits, (size_t)count);
        p += count;
    } else {
        *p++ = digits[0];
        if (count > 1) {
            *p++ = '.';
            memcpy(p, digits + 1, (size_t)count - 1);
            p += count - 1;
        }
        p += snprintf(p, 8, "e%c%d", point > 0 ? '+' : '-', point > 0 ? point - 1 : 1 - point);
    }
    *p = '\0';
    return (size_t)(p - out);
}

/* Digits of a positive value in `count` significant places, whatever the locale's point looks
 * like; returns the number of digits before the decimal point. Trailing zeros are cut. */
static int digits_of(double value, int count, char digits[20], int *ret_count)
{
    char text[48];
    (void)snprintf(text, sizeof(text), "%.*e", count - 1, value);
    int n = 0;
    const char *p = text;
    for (; *p != 'e'; p++)
        if (is_digit(*p) && n < count)
            digits[n++] = *p;
    while (n > 1 && digits[n - 1] == '0')
        n--;
    assert(n > 0); /* printf gives one digit at least */
    *ret_count = n;
    const bool minus = p[1] == '-';
    int exponent = 0;
    for (p += 2; *p != '\0'; p++)
        exponent = exponent * 10 + (*p - '0');
    return (minus ? -exponent : exponent) + 1;
}

static size_t print_positive(double value, char *out)
{
    char digits[20];
    int count = 0;
    int point = 0;
    if (value < 0x1p53 && value == floor(value)) {
        uint64_t left = (uint64_t)value;
        int at = sizeof(digits);
        for (; left > 0; left /= 10)
            digits[--at] = (char)('0' + left % 10);
        count = (int)sizeof(digits) - at;
        return lay_out(digits + at, count, count, out);
    }
    /* 15 digits hold every shorter decimal of a normal number; 17 hold every number. */
    for (int places = value < 0x1p-1022 ? 1 : 15; places <= 17; places++) {
        point = digits_of(value, places, digits, &count);
        const size_t len = lay_out(digits, count, point, out);
        double back;
        if (num_parse((struct span){out, len}, &back) == RC_OK && back == value)
            return len;
    }
    return lay_out(digits, count, point, out);
}

size_t num_print(double value, char ret_text[NUM_TEXT_MAX])
{
    const char *word = NULL;
    if (isnan(value))
        word = "NaN";
    else if (isinf(value))
        word = value > 0 ? "+Inf" : "-Inf";
    else if (value == 0.0)
        word = signbit(value) ? "-0" : "0";
    if (word) {
        memcpy(ret_text, word, strlen(word) + 1);
        return strlen(word);
    }
    if (value > 0.0)
        return print_positive(value, ret_text);
    ret_text[0] = '-';
    return 1 + print_positive(-value, ret_text + 1);
}
