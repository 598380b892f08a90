/* duration.c - Go-style durations and RFC 3339 times, in exact integer arithmetic. */
#include "base/duration.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/date.h"
#include "base/num.h"

__extension__ typedef __int128 int128;

static const struct unit {
    const char *name;
    int64_t ns;
} units[] = {
    {"ns", 1},
    {"us", MICROSECOND_NS},
    {"\xC2\xB5s", MICROSECOND_NS},
    {"\xCE\xBCs", MICROSECOND_NS},
    {"ms", MILLISECOND_NS},
    {"s", SECOND_NS},
    {"m", MINUTE_NS},
    {"h", HOUR_NS},
    {"d", DAY_NS},
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const struct unit *find_unit(struct span name)
{
    for (size_t i = 0; i < COUNT_OF(units); i++)
        if (span_equal_text(name, units[i].name))
            return &units[i];
    return NULL;
}

/* unit_ns times the decimal fraction 0.DIGITS, rounded down. Working from the last digit, each
 * division by ten may round down without spoiling the result. */
static int64_t fraction_ns(struct span digits, int64_t unit_ns)
{
    int64_t ns = 0;
    for (size_t i = digits.len; i > 0; i--)
        ns = ((digits.ptr[i - 1] - '0') * unit_ns + ns) / 10;
    return ns;
}

static size_t digit_run(struct span s, size_t from)
{
    size_t i = from;
    while (i < s.len && is_digit(s.ptr[i]))
        i++;
    return i - from;
}

/* One "1.5h": cuts it from the front of *rest and adds it to *sum. */
static enum rc take_part(struct span *rest, int128 *sum)
{
    const size_t whole_len = digit_run(*rest, 0);
    int128 whole = 0;
    for (size_t i = 0; i < whole_len; i++) {
        whole = whole * 10 + (rest->ptr[i] - '0');
        if (whole > INT64_MAX)
            return RC_RANGE;
    }
    size_t i = whole_len;
    struct span fraction = {NULL, 0};
    if (i < rest->len && rest->ptr[i] == '.') {
        i++;
        fraction = span_slice(*rest, i, digit_run(*rest, i));
        i += fraction.len;
    }
    if (whole_len + fraction.len == 0)
        return RC_SYNTAX;
    const size_t name_at = i;
    while (i < rest->len && !is_digit(rest->ptr[i]) && rest->ptr[i] != '.')
        i++;
    const struct unit *unit = find_unit(span_slice(*rest, name_at, i - name_at));
    if (!unit)
        return RC_SYNTAX;
    *sum += whole * unit->ns + fraction_ns(fraction, unit->ns);
    if (*sum > (int128)INT64_MAX + 1)
        return RC_RANGE;
    *rest = span_slice(*rest, i, rest->len);
    return RC_OK;
}

enum rc duration_parse(struct span text, int64_t *ret_ns)
{
    struct span rest = text;
    const bool signed_text = text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+');
    const bool negative = signed_text && text.ptr[0] == '-';
    if (signed_text)
        rest = span_slice(rest, 1, rest.len);
    if (span_equal_text(rest, "0")) {
        *ret_ns = 0;
        return RC_OK;
    }
    if (rest.len == 0)
        return RC_SYNTAX;
    int128 sum = 0;
    while (rest.len > 0) {
        const enum rc rc = take_part(&rest, &sum);
        if (rc != RC_OK)
            return rc;
    }
    const int128 value = negative ? -sum : sum;
    /* The lowest value means "never" and is no duration. */
    if (value > INT64_MAX || value <= INT64_MIN)
        return RC_RANGE;
    *ret_ns = (int64_t)value;
    return RC_OK;
}

static char *put_uint(char *p, uint64_t value, int width)
{
    char digits[20];
    int n = 0;
    do {
        digits[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (int i = n; i < width; i++)
        *p++ = '0';
    while (n > 0)
        *p++ = digits[--n];
    return p;
}

static char *put_text(char *p, const char *text)
{
    while (*text != '\0')
        *p++ = *text++;
    return p;
}

/* value / one as a decimal without trailing zeros. */
static char *put_decimal(char *p, uint64_t value, uint64_t one)
{
    p = put_uint(p, value / one, 1);
    uint64_t rest = value % one;
    if (rest == 0)
        return p;
    *p++ = '.';
    do {
        rest *= 10;
        *p++ = (char)('0' + rest / one);
        rest %= one;
    } while (rest > 0);
    return p;
}

/* What is below one minute: "1.5s", "250ms", "30us". */
static char *put_seconds(char *p, uint64_t ns)
{
    if (ns >= (uint64_t)SECOND_NS)
        return put_text(put_decimal(p, ns, (uint64_t)SECOND_NS), "s");
    if (ns >= (uint64_t)MILLISECOND_NS)
        return put_text(put_decimal(p, ns, (uint64_t)MILLISECOND_NS), "ms");
    if (ns >= (uint64_t)MICROSECOND_NS)
        return put_text(put_decimal(p, ns, (uint64_t)MICROSECOND_NS), "us");
    return put_text(put_uint(p, ns, 1), "ns");
}

size_t duration_print(int64_t ns, char ret_text[DURATION_TEXT_MAX])
{
    char *p = ret_text;
    uint64_t left = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    if (ns < 0)
        *p++ = '-';
    if (left == 0)
        p = put_text(p, "0s");
    if (left > 0 && left % (uint64_t)DAY_NS == 0) {
        p = put_text(put_uint(p, left / (uint64_t)DAY_NS, 1), "d");
        left = 0;
    }
    if (left >= (uint64_t)HOUR_NS) {
        p = put_text(put_uint(p, left / (uint64_t)HOUR_NS, 1), "h");
        left %= (uint64_t)HOUR_NS;
    }
    if (left >= (uint64_t)MINUTE_NS) {
        p = put_text(put_uint(p, left / (uint64_t)MINUTE_NS, 1), "m");
        left %= (uint64_t)MINUTE_NS;
    }
    if (left > 0)
        p = put_seconds(p, left);
    *p = '\0';
    return (size_t)(p - ret_text);
}

size_t time_print_rfc3339(int64_t unix_ns, char ret_text[DURATION_TEXT_MAX])
{
    int64_t days = unix_ns / DAY_NS;
    int64_t of_day = unix_ns % DAY_NS;
    if (of_day < 0) {
        of_day += DAY_NS;
        days--;
    }
    int64_t year;
    int month;
    int day;
    date_of_days(days, &year, &month, &day);
    char *p = put_uint(ret_text, (uint64_t)year, 4);
    *p++ = '-';
    p = put_uint(p, (uint64_t)month, 2);
    *p++ = '-';
    p = put_uint(p, (uint64_t)day, 2);
    *p++ = 'T';
    p = put_uint(p, (uint64_t)(of_day / HOUR_NS), 2);
    *p++ = ':';
    p = put_uint(p, (uint64_t)(of_day / MINUTE_NS % 60), 2);
    *p++ = ':';
    p = put_uint(p, (uint64_t)(of_day / SECOND_NS % 60), 2);
    *p++ = '.';
    p = put_uint(p, (uint64_t)(of_day / MILLISECOND_NS % 1000), 3);
    *p++ = 'Z';
    *p = '\0';
    return (size_t)(p - ret_text);
}

/* Reads `width` digits at *at; false when there are others. */
static bool take_fixed(struct span text, size_t *at, size_t width, int *ret)
{
    if (text.len - *at < width)
        return false;
    int value = 0;
    for (size_t i = 0; i < width; i++) {
        const char c = text.ptr[*at + i];
        if (!is_digit(c))
            return false;
        value = value * 10 + (c - '0');
    }
    *at += width;
    *ret = value;
    return true;
}

static bool take_char(struct span text, size_t *at, const char *any_of)
{
    if (*at >= text.len || text.ptr[*at] == '\0' || !strchr(any_of, text.ptr[*at]))
        return false;
    (*at)++;
    return true;
}

struct clock_text {
    int year, month, day, hour, minute, second;
    int64_t fraction_ns;
    int offset_minutes;
};

static bool take_offset(struct span text, size_t *at, int *ret_minutes)
{
    if (take_char(text, at, "Zz")) {
        *ret_minutes = 0;
        return true;
    }
    const bool west = *at < text.len && text.ptr[*at] == '-';
    int hours;
    int minutes;
    if (!take_char(text, at, "+-") || !take_fixed(text, at, 2, &hours) ||
        !take_char(text, at, ":") || !take_fixed(text, at, 2, &minutes) || hours > 23 ||
        minutes > 59)
        return false;
    *ret_minutes = (hours * 60 + minutes) * (west ? -1 : 1);
    return true;
}

static bool take_fraction(struct span text, size_t *at, int64_t *ret_ns)
{
    int64_t unit = SECOND_NS;
    int64_t ns = 0;
    const size_t start = *at;
    for (; *at < text.len && is_digit(text.ptr[*at]); (*at)++) {
        unit /= 10;
        ns += unit * (text.ptr[*at] - '0');
    }
    *ret_ns = ns;
    return *at > start;
}

static bool take_clock_text(struct span text, struct clock_text *t)
{
    size_t at = 0;
    const bool date = take_fixed(text, &at, 4, &t->year) && take_char(text, &at, "-") &&
                      take_fixed(text, &at, 2, &t->month) && take_char(text, &at, "-") &&
                      take_fixed(text, &at, 2, &t->day) && take_char(text, &at, "Tt ");
    if (!date || !take_fixed(text, &at, 2, &t->hour) || !take_char(text, &at, ":") ||
        !take_fixed(text, &at, 2, &t->minute) || !take_char(text, &at, ":") ||
        !take_fixed(text, &at, 2, &t->second))
        return false;
    if (take_char(text, &at, ".") && !take_fraction(text, &at, &t->fraction_ns))
        return false;
    return take_offset(text, &at, &t->offset_minutes) && at == text.len;
}

enum rc time_parse_rfc3339(struct span text, int64_t *ret_unix_ns)
{
    struct clock_text t = {.year = 0};
    if (!take_clock_text(text, &t))
        return RC_SYNTAX;
    /* Second 60 is a leap second: it reads as the first of the next minute. */
    if (t.month < 1 || t.month > 12 || t.day < 1 || t.day > date_days_in_month(t.year, t.month) ||
        t.hour > 23 || t.minute > 59 || t.second > 60)
        return RC_RANGE;
    const int64_t days = date_to_days(t.year, t.month, t.day);
    const int128 seconds = (int128)days * 86400 + (int128)t.hour * 3600 +
                           (int128)(t.minute - t.offset_minutes) * 60 + t.second;
    const int128 ns = seconds * SECOND_NS + t.fraction_ns;
    if (ns > INT64_MAX || ns <= INT64_MIN)
        return RC_RANGE;
    *ret_unix_ns = (int64_t)ns;
    return RC_OK;
}

int64_t ns_of_seconds(double seconds)
{
    if (isnan(seconds))
        return 0;
    return num_to_int(rint(seconds * 1e9), -INT64_MAX, INT64_MAX);
}
