#include "config/zone_rule.h"

#include "base/date.h"

#define DAY_S INT64_C(86400)
#define HOURS_MAX 167 /* RFC 8536 3.3.1 */

/* ---- parse ---- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool take(struct span *text, char c)
{
    if (text->len == 0 || text->ptr[0] != c)
        return false;
    *text = span_slice(*text, 1, text->len);
    return true;
}

/* "CET", or "<+0330>" with anything but letters. */
static bool take_name(struct span *text)
{
    size_t n = 0;
    if (take(text, '<')) {
        while (n < text->len && text->ptr[n] != '>')
            n++;
        if (n < 3 || n == text->len)
            return false;
        *text = span_slice(*text, n + 1, text->len);
        return true;
    }
    while (n < text->len && is_letter(text->ptr[n]))
        n++;
    *text = span_slice(*text, n, text->len);
    return n >= 3;
}

static bool take_number(struct span *text, int max, int *ret)
{
    int value = 0;
    size_t n = 0;
    while (n < text->len && n < 4 && is_digit(text->ptr[n]))
        value = value * 10 + (text->ptr[n++] - '0');
    if (n == 0 || value > max)
        return false;
    *text = span_slice(*text, n, text->len);
    *ret = value;
    return true;
}

/* [+-]hours[:minutes[:seconds]] */
static bool take_time(struct span *text, int32_t *ret_s)
{
    const bool minus = take(text, '-');
    int hours = 0;
    int minutes = 0;
    int seconds = 0;
    if (!minus)
        (void)take(text, '+');
    if (!take_number(text, HOURS_MAX, &hours))
        return false;
    if (take(text, ':') && !take_number(text, 59, &minutes))
        return false;
    if (take(text, ':') && !take_number(text, 59, &seconds))
        return false;
    const int32_t value = hours * 3600 + minutes * 60 + seconds;
    *ret_s = minus ? -value : value;
    return true;
}

static bool take_change(struct span *text, struct zone_change *ret)
{
    *ret = (struct zone_change){.kind = ZONE_DAY_OF_YEAR, .time_s = 2 * 3600};
    if (take(text, 'J')) {
        ret->kind = ZONE_DAY_WITHOUT_LEAP;
        if (!take_number(text, 365, &ret->day) || ret->day < 1)
            return false;
    } else if (take(text, 'M')) {
        ret->kind = ZONE_DAY_OF_WEEK;
        if (!take_number(text, 12, &ret->month) || ret->month < 1 || !take(text, '.') ||
            !take_number(text, 5, &ret->week) || ret->week < 1 || !take(text, '.') ||
            !take_number(text, 6, &ret->day))
            return false;
    } else if (!take_number(text, 365, &ret->day)) {
        return false;
    }
    return !take(text, '/') || take_time(text, &ret->time_s);
}

enum rc zone_rule_parse(struct span text, struct zone_rule *ret, struct diag *diag)
{
    const struct span whole = text;
    struct zone_rule rule = {.has_summer = false};
    int32_t west_s = 0;
    bool good = take_name(&text) && take_time(&text, &west_s);
    rule.standard_s = rule.summer_s = -west_s;
    if (good && text.len > 0) {
        rule.has_summer = true;
        good = take_name(&text);
        rule.summer_s = rule.standard_s + 3600;
        if (good && text.len > 0 && text.ptr[0] != ',') {
            good = take_time(&text, &west_s);
            rule.summer_s = -west_s;
        }
        good = good && take(&text, ',') && take_change(&text, &rule.begin) && take(&text, ',') &&
               take_change(&text, &rule.end);
    }
    if (!good || text.len > 0)
        return fail(diag, RC_SYNTAX, "\"%.*s\" is no rule for a time zone", SPAN_ARG(whole));
    *ret = rule;
    return RC_OK;
}

/* ---- evaluate ---- */

/* Days since 1970 of the change in a year. */
static int64_t day_of(const struct zone_change *change, int64_t year)
{
    const int64_t first = date_to_days(year, 1, 1);
    if (change->kind == ZONE_DAY_OF_YEAR)
        return first + change->day;
    if (change->kind == ZONE_DAY_WITHOUT_LEAP)
        return first + change->day - 1 + (change->day > 59 && date_days_in_month(year, 2) == 29);
    const int64_t month = date_to_days(year, change->month, 1);
    const int length = date_days_in_month(year, change->month);
    int day = (change->day - date_weekday(month) + 7) % 7 + 7 * (change->week - 1);
    while (day >= length)
        day -= 7;
    return month + day;
}

int32_t zone_rule_offset_s(const struct zone_rule *rule, int64_t unix_s)
{
    if (!rule->has_summer)
        return rule->standard_s;
    int64_t year = 0;
    int month = 0;
    int day = 0;
    const int64_t local_s = unix_s + rule->standard_s;
    date_of_days(local_s / DAY_S - (local_s % DAY_S < 0), &year, &month, &day);
    const int64_t begin =
        day_of(&rule->begin, year) * DAY_S + rule->begin.time_s - rule->standard_s;
    const int64_t end = day_of(&rule->end, year) * DAY_S + rule->end.time_s - rule->summer_s;
    const bool summer = begin < end ? unix_s >= begin && unix_s < end
                                    : unix_s >= begin || unix_s < end; /* south of the equator */
    return summer ? rule->summer_s : rule->standard_s;
}
