#include "config/zone.h"

#include <string.h>

#include "config/zone_rule.h"

#define HEADER_SIZE 44
#define OFFSET_MAX_S INT64_C(93600) /* 26 h: beyond every offset that was ever in use */

struct zone {
    const int64_t *at; /* transitions, rising */
    const int32_t *to; /* offset from then on */
    size_t count;
    int32_t first_s; /* offset before the first transition */
    bool has_rule;   /* for times after the last one */
    struct zone_rule rule;
};

static const struct zone utc;

const struct zone *zone_utc(void)
{
    return &utc;
}

/* ---- the file ---- */

static uint32_t u32_of(const char *p)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++)
        value = value << 8 | (unsigned char)p[i];
    return value;
}

static int32_t i32_of(const char *p)
{
    return (int32_t)u32_of(p);
}

static int64_t i64_of(const char *p)
{
    return (int64_t)((uint64_t)u32_of(p) << 32 | u32_of(p + 4));
}

/* One data block: its counts, and where things lie from its begin. */
struct block {
    size_t times, types, chars, leaps, standards, uts;
    size_t time_size;
    size_t size; /* behind the header */
};

static bool read_block(struct span bytes, size_t time_size, struct block *ret)
{
    if (bytes.len < HEADER_SIZE || memcmp(bytes.ptr, "TZif", 4) != 0)
        return false;
    const char *p = bytes.ptr + 20;
    *ret = (struct block){.uts = u32_of(p),
                          .standards = u32_of(p + 4),
                          .leaps = u32_of(p + 8),
                          .times = u32_of(p + 12),
                          .types = u32_of(p + 16),
                          .chars = u32_of(p + 20),
                          .time_size = time_size};
    if (ret->times > ZONE_TRANSITIONS_MAX || ret->types == 0 || ret->types > 256 ||
        ret->chars > 65536 || ret->leaps > 10000 || ret->standards > 256 || ret->uts > 256)
        return false;
    ret->size = ret->times * (time_size + 1) + ret->types * 6 + ret->chars +
                ret->leaps * (time_size + 4) + ret->standards + ret->uts;
    return bytes.len - HEADER_SIZE >= ret->size;
}

static enum rc fill(struct arena *arena, const char *data, const struct block *b, struct zone *zone,
                    struct diag *diag)
{
    int64_t *at = arena_array(arena, b->times + 1, sizeof(*at));
    int32_t *to = arena_array(arena, b->times + 1, sizeof(*to));
    if (at == NULL || to == NULL)
        return fail(diag, RC_NO_MEMORY, "no memory for a time zone");
    const char *index = data + b->times * b->time_size;
    const char *type = index + b->times;
    for (size_t i = 0; i < b->types; i++)
        if (i32_of(type + 6 * i) < -OFFSET_MAX_S || i32_of(type + 6 * i) > OFFSET_MAX_S)
            return fail(diag, RC_CORRUPT, "a zone file holds an offset of more than 26 hours");
    for (size_t i = 0; i < b->times; i++) {
        const size_t of = (unsigned char)index[i];
        at[i] = b->time_size == 8 ? i64_of(data + 8 * i) : i32_of(data + 4 * i);
        if (of >= b->types || (i > 0 && at[i] <= at[i - 1]))
            return fail(diag, RC_CORRUPT, "a zone file holds transitions out of order");
        to[i] = i32_of(type + 6 * of);
    }
    zone->at = at;
    zone->to = to;
    zone->count = b->times;
    zone->first_s = i32_of(type); /* RFC 8536 3.2: type 0 rules before the first transition */
    return RC_OK;
}

/* Behind the second block: a newline, the rule, a newline; the rule may be empty. */
static enum rc read_footer(struct span rest, struct zone *zone, struct diag *diag)
{
    if (rest.len < 2 || rest.ptr[0] != '\n')
        return RC_OK;
    rest = span_slice(rest, 1, rest.len);
    const size_t end = span_find_byte(rest, '\n', 0);
    if (end == SIZE_MAX || end == 0)
        return RC_OK;
    const enum rc rc = zone_rule_parse(span_slice(rest, 0, end), &zone->rule, diag);
    zone->has_rule = rc == RC_OK;
    return rc;
}

enum rc zone_read(struct arena *arena, struct span bytes, const struct zone **ret,
                  struct diag *diag)
{
    struct block block;
    if (bytes.len > ZONE_BYTES_MAX)
        return fail(diag, RC_LIMIT, "a zone file has at most %u bytes", ZONE_BYTES_MAX);
    if (!read_block(bytes, 4, &block))
        return fail(diag, RC_CORRUPT, "these bytes are no zone file");
    struct zone *zone = arena_alloc(arena, sizeof(*zone));
    if (zone == NULL)
        return fail(diag, RC_NO_MEMORY, "no memory for a time zone");
    size_t at = HEADER_SIZE;
    const bool wide = bytes.ptr[4] >= '2';
    if (wide) {
        const struct span second = span_slice(bytes, HEADER_SIZE + block.size, bytes.len);
        at += HEADER_SIZE + block.size;
        if (!read_block(second, 8, &block))
            return fail(diag, RC_CORRUPT, "the second part of a zone file is damaged");
    }
    enum rc rc = fill(arena, bytes.ptr + at, &block, zone, diag);
    if (rc == RC_OK && wide)
        rc = read_footer(span_slice(bytes, at + block.size, bytes.len), zone, diag);
    if (rc == RC_OK)
        *ret = zone;
    return rc;
}

enum rc zone_read_rule(struct arena *arena, struct span rule, const struct zone **ret,
                       struct diag *diag)
{
    struct zone *zone = arena_alloc(arena, sizeof(*zone));
    if (zone == NULL)
        return fail(diag, RC_NO_MEMORY, "no memory for a time zone");
    const enum rc rc = zone_rule_parse(rule, &zone->rule, diag);
    zone->has_rule = true;
    if (rc == RC_OK)
        *ret = zone;
    return rc;
}

/* ---- times ---- */

int64_t zone_offset_s(const struct zone *zone, int64_t unix_s)
{
    if (zone->has_rule && (zone->count == 0 || unix_s >= zone->at[zone->count - 1]))
        return zone_rule_offset_s(&zone->rule, unix_s);
    size_t low = 0;
    size_t high = zone->count; /* the first transition after unix_s is in [low, high] */
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (zone->at[middle] <= unix_s)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? zone->first_s : zone->to[low - 1];
}

int64_t zone_unix_s(const struct zone *zone, int64_t local_s)
{
    /* The time is one of these, by the offset before or after a change that may lie between. */
    const int64_t before_s = zone_offset_s(zone, local_s - OFFSET_MAX_S);
    const int64_t after_s = zone_offset_s(zone, local_s + OFFSET_MAX_S);
    const int64_t early = local_s - (before_s > after_s ? before_s : after_s);
    const int64_t late = local_s - (before_s > after_s ? after_s : before_s);
    if (early + zone_offset_s(zone, early) == local_s)
        return early;
    if (late + zone_offset_s(zone, late) == local_s)
        return late;
    /* A gap: it begins where the offset grows, between the two. */
    int64_t low = early;
    int64_t high = late;
    while (high - low > 1) {
        const int64_t middle = low + (high - low) / 2;
        if (middle + zone_offset_s(zone, middle) < local_s)
            low = middle;
        else
            high = middle;
    }
    return high;
}
