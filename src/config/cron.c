#include "config/cron.h"

#include <string.h>

#include "base/date.h"
#include "base/duration.h"

#define DAY_MINUTES INT64_C(1440)
#define DAY_S INT64_C(86400)
#define DAYS_MAX (9 * 366)      /* from a February 29 to the next one, over the end of a century */
#define AROUND_S INT64_C(93600) /* local time and UTC lie less than 26 h apart */

/* ---- parse ---- */

static const char *const month_names[] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL",
                                          "AUG", "SEP", "OCT", "NOV", "DEC", NULL};
static const char *const weekday_names[] = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", NULL};

static const struct field_rule {
    const char *name;
    int min;
    int max;
    const char *const *names; /* the first one is min */
} rules[] = {
    {"minute", 0, 59, NULL},
    {"hour", 0, 23, NULL},
    {"day of the month", 1, 31, NULL},
    {"month", 1, 12, month_names},
    {"day of the week", 0, 7, weekday_names},
};

static const struct {
    const char *word;
    const char *fields;
} words[] = {
    {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
    {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
    {"@hourly", "0 * * * *"},
};

struct parser {
    const char *begin;
    struct diag *diag;
    const struct field_rule *rule;
};

static enum rc refuse(const struct parser *p, struct span at, enum rc code)
{
    return fail(p->diag, code,
                "\"%.*s\" in column %zu is no %s: numbers from %d to %d, *, ranges as %d-%d, steps "
                "as */2 and lists with commas are allowed",
                SPAN_ARG(at), (size_t)(at.ptr - p->begin) + 1, p->rule->name, p->rule->min,
                p->rule->max, p->rule->min, p->rule->max);
}

static enum rc parse_number(const struct parser *p, struct span text, int *ret)
{
    int value = 0;
    for (size_t i = 0; p->rule->names != NULL && p->rule->names[i] != NULL; i++)
        if (span_equal_text_nocase(text, p->rule->names[i])) {
            *ret = p->rule->min + (int)i;
            return RC_OK;
        }
    if (text.len == 0 || text.len > 4)
        return refuse(p, text, RC_SYNTAX);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return refuse(p, text, RC_SYNTAX);
        value = value * 10 + (text.ptr[i] - '0');
    }
    *ret = value;
    return RC_OK;
}

/* One element of a list: "*", "3", "1-5", with "/step". */
static enum rc parse_element(const struct parser *p, struct span text, uint64_t *bits)
{
    const struct span whole = text;
    int from = p->rule->min;
    int to = p->rule->max;
    int step = 1;
    enum rc rc = RC_OK;
    const size_t slash = span_find_byte(text, '/', 0);
    if (slash != SIZE_MAX) {
        rc = parse_number(p, span_slice(text, slash + 1, text.len), &step);
        text = span_slice(text, 0, slash);
        if (rc == RC_OK && step < 1)
            return refuse(p, whole, RC_RANGE);
    }
    const size_t dash = span_find_byte(text, '-', 0);
    if (rc == RC_OK && !span_equal_text(text, "*")) {
        rc = parse_number(p, dash == SIZE_MAX ? text : span_slice(text, 0, dash), &from);
        if (rc == RC_OK && dash != SIZE_MAX)
            rc = parse_number(p, span_slice(text, dash + 1, text.len), &to);
        else if (slash == SIZE_MAX)
            to = from;
    }
    if (rc != RC_OK)
        return rc;
    if (from < p->rule->min || to > p->rule->max || from > to)
        return refuse(p, whole, RC_RANGE);
    for (int i = from; i <= to; i += step)
        *bits |= UINT64_C(1) << i;
    return RC_OK;
}

static enum rc parse_field(const struct parser *p, struct span text, uint64_t *ret_bits)
{
    struct span element;
    *ret_bits = 0;
    if (text.ptr[text.len - 1] == ',')
        return refuse(p, text, RC_SYNTAX);
    while (span_split(&text, ',', &element)) {
        const enum rc rc = parse_element(p, element, ret_bits);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Splits at blanks; false when there are not exactly five fields. */
static bool split(struct span text, struct span ret[COUNT_OF(rules)])
{
    size_t n = 0;
    for (size_t i = 0; i < text.len;) {
        const size_t from = i;
        while (i < text.len && !is_blank(text.ptr[i]))
            i++;
        if (i > from && n == COUNT_OF(rules))
            return false;
        if (i > from)
            ret[n++] = span_slice(text, from, i - from);
        while (i < text.len && is_blank(text.ptr[i]))
            i++;
    }
    return n == COUNT_OF(rules);
}

/* Some month that may match is long enough for some day that may. */
static bool comes_ever(const struct cron *c)
{
    if (c->any_day || !c->any_weekday)
        return true;
    for (int month = 1; month <= 12; month++)
        for (int day = 1; day <= date_days_in_month(2000, month); day++)
            if ((c->months >> month & 1) != 0 && (c->days >> day & 1) != 0)
                return true;
    return false;
}

enum rc cron_parse(struct span text, struct cron *ret, struct diag *diag)
{
    struct span fields[COUNT_OF(rules)];
    uint64_t bits[COUNT_OF(rules)];
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (span_equal_text(text, words[i].word))
            text = span_from(words[i].fields);
    if (!split(text, fields))
        return fail(diag, RC_SYNTAX,
                    "\"%.*s\" is no cron line: five fields are wanted, minute, hour, day of the "
                    "month, month and day of the week",
                    SPAN_ARG(text));
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        const struct parser p = {.begin = text.ptr, .diag = diag, .rule = &rules[i]};
        const enum rc rc = parse_field(&p, fields[i], &bits[i]);
        if (rc != RC_OK)
            return rc;
    }
    const struct cron cron = {
        .minutes = bits[0],
        .hours = (uint32_t)bits[1],
        .days = (uint32_t)bits[2],
        .months = (uint16_t)bits[3],
        .weekdays = (uint8_t)((bits[4] & 0x7f) | (bits[4] >> 7)), /* 7 is Sunday, too */
        .any_day = span_equal_text(fields[2], "*"),
        .any_weekday = span_equal_text(fields[4], "*"),
    };
    if (!comes_ever(&cron))
        return fail(diag, RC_INVALID, "\"%.*s\" names a date that never comes", SPAN_ARG(text));
    *ret = cron;
    return RC_OK;
}

/* ---- local calendar ---- */

static bool day_matches(const struct cron *c, int64_t days)
{
    int64_t year = 0;
    int month = 0;
    int day = 0;
    date_of_days(days, &year, &month, &day);
    if ((c->months >> month & 1) == 0)
        return false;
    const bool by_day = (c->days >> day & 1) != 0;
    const bool by_weekday = (c->weekdays >> date_weekday(days) & 1) != 0;
    if (c->any_day || c->any_weekday)
        return by_day && by_weekday;
    return by_day || by_weekday;
}

static bool minute_matches(const struct cron *c, int64_t minute)
{
    return (c->hours >> (minute / 60) & 1) != 0 && (c->minutes >> (minute % 60) & 1) != 0;
}

/* The nearest matching local minute from `minute` on in a direction (+1, -1), `minute` included;
 * TIME_NONE when there is none. */
static int64_t find_minute(const struct cron *c, int64_t minute, int direction)
{
    int64_t days = minute / DAY_MINUTES - (minute % DAY_MINUTES < 0);
    int64_t of_day = minute - days * DAY_MINUTES;
    for (int i = 0; i < DAYS_MAX; i++) {
        if (day_matches(c, days))
            for (; of_day >= 0 && of_day < DAY_MINUTES; of_day += direction)
                if (minute_matches(c, of_day))
                    return days * DAY_MINUTES + of_day;
        days += direction;
        of_day = direction > 0 ? 0 : DAY_MINUTES - 1;
    }
    return TIME_NONE;
}

static int64_t floor_minutes(int64_t seconds)
{
    return seconds / 60 - (seconds % 60 < 0);
}

/* Beyond this no calendar is needed and no arithmetic overflows. */
static bool is_absurd(int64_t unix_s)
{
    return unix_s > INT64_C(1) << 43 || unix_s < -(INT64_C(1) << 43);
}

int64_t cron_next_s(const struct cron *cron, const struct zone *zone, int64_t unix_s)
{
    if (is_absurd(unix_s))
        return TIME_NONE;
    /* Local times map to times that never fall, so the first one that is late enough is the next;
     * the search starts where local clocks cannot have been further. */
    const int64_t now_s = zone_offset_s(zone, unix_s);
    const int64_t later_s = zone_offset_s(zone, unix_s + AROUND_S);
    int64_t minute = floor_minutes(unix_s + (now_s < later_s ? now_s : later_s));
    while ((minute = find_minute(cron, minute, 1)) != TIME_NONE) {
        const int64_t at = zone_unix_s(zone, minute * 60);
        if (at > unix_s)
            return at;
        minute++;
    }
    return TIME_NONE;
}

int64_t cron_previous_s(const struct cron *cron, const struct zone *zone, int64_t unix_s)
{
    if (is_absurd(unix_s))
        return TIME_NONE;
    const int64_t now_s = zone_offset_s(zone, unix_s);
    const int64_t before_s = zone_offset_s(zone, unix_s - AROUND_S);
    int64_t minute = floor_minutes(unix_s + (now_s > before_s ? now_s : before_s));
    while ((minute = find_minute(cron, minute, -1)) != TIME_NONE) {
        const int64_t at = zone_unix_s(zone, minute * 60);
        if (at <= unix_s)
            return at;
        minute--;
    }
    return TIME_NONE;
}
