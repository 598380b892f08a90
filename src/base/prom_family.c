#include "base/prom_family.h"

#include <math.h>
#include <string.h>

#include "base/num.h"

/* Names, groups and series share one table: seeds keep them apart. */
#define NAME_SEED 11U
#define GROUP_SEED 13U

enum prom_role { ROLE_VALUE, ROLE_TOTAL, ROLE_BUCKET, ROLE_COUNT, ROLE_SUM, ROLE_CREATED };

/* What a sample of a type may be called and hold. */
enum {
    MAY_EXEMPLAR = 1,
    NEEDS_LE = 2,
    NEEDS_QUANTILE = 4,
    IS_AMOUNT = 8, /* neither NaN nor negative */
    IS_WHOLE = 16, /* a count of things */
    IS_ONE = 32,
    IS_FLAG = 64,    /* 0 or 1, of the state that the label of the family's name gives */
    IS_NUMBER = 128, /* not NaN */
};
static const struct row {
    enum prom_type type;
    const char *suffix;
    enum prom_role role;
    unsigned flags;
} rows[] = {
    {PROM_UNTYPED, "", ROLE_VALUE, 0},
    {PROM_GAUGE, "", ROLE_VALUE, 0},
    {PROM_COUNTER, "_total", ROLE_TOTAL, MAY_EXEMPLAR | IS_AMOUNT},
    {PROM_COUNTER, "_created", ROLE_CREATED, IS_AMOUNT},
    {PROM_HISTOGRAM, "_bucket", ROLE_BUCKET, MAY_EXEMPLAR | NEEDS_LE | IS_AMOUNT | IS_WHOLE},
    {PROM_HISTOGRAM, "_count", ROLE_COUNT, IS_AMOUNT | IS_WHOLE},
    {PROM_HISTOGRAM, "_sum", ROLE_SUM, IS_NUMBER},
    {PROM_HISTOGRAM, "_created", ROLE_CREATED, IS_AMOUNT},
    {PROM_GAUGEHISTOGRAM, "_bucket", ROLE_BUCKET, MAY_EXEMPLAR | NEEDS_LE | IS_AMOUNT | IS_WHOLE},
    {PROM_GAUGEHISTOGRAM, "_gcount", ROLE_COUNT, IS_AMOUNT | IS_WHOLE},
    {PROM_GAUGEHISTOGRAM, "_gsum", ROLE_SUM, IS_NUMBER},
    {PROM_SUMMARY, "", ROLE_VALUE, NEEDS_QUANTILE},
    {PROM_SUMMARY, "_count", ROLE_COUNT, IS_AMOUNT | IS_WHOLE},
    {PROM_SUMMARY, "_sum", ROLE_SUM, IS_NUMBER},
    {PROM_SUMMARY, "_created", ROLE_CREATED, IS_AMOUNT},
    {PROM_INFO, "_info", ROLE_VALUE, IS_ONE},
    {PROM_STATESET, "", ROLE_VALUE, IS_FLAG},
};
/* A histogram that is written as one native value has the bare name. */
static const struct row native_row = {PROM_HISTOGRAM, "", ROLE_VALUE, 0};

static const struct {
    const char *name;
    enum prom_type type;
    bool text;
    bool openmetrics;
} types[] = {
    {"untyped", PROM_UNTYPED, true, false},
    {"unknown", PROM_UNTYPED, true, true},
    {"counter", PROM_COUNTER, true, true},
    {"gauge", PROM_GAUGE, true, true},
    {"histogram", PROM_HISTOGRAM, true, true},
    {"summary", PROM_SUMMARY, true, true},
    {"gaugehistogram", PROM_GAUGEHISTOGRAM, true, true},
    {"info", PROM_INFO, true, true},
    {"stateset", PROM_STATESET, true, true},
};

bool prom_type_parse(enum prom_format format, struct span word, enum prom_type *ret)
{
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (!span_equal_text(word, types[i].name))
            continue;
        *ret = types[i].type;
        return format == PROM_OPENMETRICS ? types[i].openmetrics : types[i].text;
    }
    return false;
}

const char *prom_type_name(enum prom_type type)
{
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (types[i].type == type)
            return types[i].name;
    return "";
}

bool prom_seen_before(struct prom_seen *seen, uint64_t hash, bool *full)
{
    hash += hash == 0; /* 0 is an empty slot */
    const size_t mask = seen->slot_count - 1;
    for (size_t i = 0; i <= mask; i++) {
        uint64_t *slot = &seen->slot[(hash + i) & mask];
        if (*slot == hash)
            return true;
        if (*slot == 0) {
            *slot = hash;
            return false;
        }
    }
    *full = true;
    return false;
}

/* Families may not have names that samples of others have. */
static bool name_taken(struct prom_family *f, const char *suffix)
{
    const uint64_t hash = prom_hash_more(prom_string_hash(f->name), span_from(suffix));
    return prom_seen_before(f->seen, prom_hash_mix(hash + NAME_SEED), &f->full);
}

static bool group_taken(struct prom_family *f, uint64_t labels)
{
    const uint64_t name = prom_hash_mix(prom_string_hash(f->name) + GROUP_SEED);
    return prom_seen_before(f->seen, prom_hash_mix(name + labels), &f->full);
}

static bool differs(double a, double b)
{
    return a < b || a > b;
}

/* What can only be judged when the last sample of a group has come. */
static const char *end_group(struct prom_family *f)
{
    const struct prom_group *g = &f->group;
    const bool histogram = f->type == PROM_HISTOGRAM || f->type == PROM_GAUGEHISTOGRAM;
    const bool classic = !isnan(g->bound) || g->has_count || g->has_sum;
    if (g->open && f->type == PROM_SUMMARY && g->has_sum && g->sum < 0 && !g->negative)
        return "a sum is negative where no quantile is";
    if (!g->open || !histogram || !classic)
        return NULL;
    if (!isinf(g->bound)) /* NaN: none at all */
        return "a histogram has no bucket +Inf";
    if (g->has_count != g->has_sum)
        return "a histogram has a sum or a count without the other";
    if (g->has_count && differs(g->count, g->bucket))
        return "a histogram counts something else than its bucket +Inf";
    if (g->has_sum && g->sum < 0 && !g->negative)
        return "a sum is negative where no bucket is";
    return NULL;
}

const char *prom_family_end(struct prom_family *f)
{
    const char *words = end_group(f);
    f->group.open = false;
    return words;
}

static const char *start_family(struct prom_family *f, struct prom_string name, enum rc *ret_code)
{
    const char *words = prom_family_end(f);
    if (words)
        return words;
    struct prom_seen *seen = f->seen;
    *f = (struct prom_family){.name = name, .open = true, .seen = seen, .full = f->full};
    if (!name_taken(f, ""))
        return NULL;
    *ret_code = RC_DUPLICATE;
    return "a family stands on the page twice, or two clash";
}

static bool same_name(struct prom_string a, struct prom_string b)
{
    return span_equal(a.raw, b.raw);
}

static const char *set_type(struct prom_family *f, struct span word, enum rc *ret_code)
{
    if (f->has_type || f->has_samples) {
        *ret_code = RC_DUPLICATE;
        return "a second TYPE line, or one behind the samples";
    }
    if (!prom_type_parse(PROM_OPENMETRICS, word, &f->type)) {
        *ret_code = RC_SYNTAX;
        return "a type is expected: counter, gauge, histogram, summary, unknown or another";
    }
    f->has_type = true;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (rows[i].type == f->type && rows[i].suffix[0] != '\0' && name_taken(f, rows[i].suffix)) {
            *ret_code = RC_DUPLICATE;
            return "names of two families clash";
        }
    }
    return NULL;
}

static const char *set_unit(struct prom_family *f, struct span unit)
{
    if (unit.len == 0)
        return NULL;
    const struct span name = f->name.raw;
    if (name.len < unit.len + 1 || name.ptr[name.len - unit.len - 1] != '_' ||
        memcmp(name.ptr + name.len - unit.len, unit.ptr, unit.len) != 0)
        return "a unit must be the last part of the name";
    return NULL;
}

const char *prom_family_metadata(struct prom_family *f, enum prom_metadata kind,
                                 struct prom_string name, struct span value, enum rc *ret_code)
{
    *ret_code = RC_INVALID;
    if (!f->open || !same_name(f->name, name)) {
        const char *words = start_family(f, name, ret_code);
        if (words)
            return words;
    }
    if (kind == PROM_TYPE)
        return set_type(f, value, ret_code);
    bool *has = kind == PROM_HELP ? &f->has_help : &f->has_unit;
    if (*has || f->has_samples) {
        *ret_code = RC_DUPLICATE;
        return "a second HELP or UNIT line, or one behind the samples";
    }
    *has = true;
    return kind == PROM_UNIT ? set_unit(f, value) : NULL;
}

/* The row of a sample within the open family; NULL when it belongs to another. */
static const struct row *row_of(const struct prom_family *f, const struct prom_sample *s)
{
    const struct span name = s->name.raw;
    const struct span family = f->name.raw;
    if (!f->open || name.len < family.len || memcmp(name.ptr, family.ptr, family.len) != 0)
        return NULL;
    const struct span suffix = span_slice(name, family.len, name.len);
    if (s->native.len > 0)
        return f->type == PROM_HISTOGRAM && suffix.len == 0 ? &native_row : NULL;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (rows[i].type == f->type && span_equal_text(suffix, rows[i].suffix))
            return &rows[i];
    return NULL;
}

static const struct prom_label *find_label(const struct prom_sample *s, struct span name)
{
    for (size_t i = 0; i < s->label_count; i++)
        if (span_equal(s->label[i].name.raw, name))
            return &s->label[i];
    return NULL;
}

static const char *check_value(const struct prom_sample *s, const struct row *row,
                               struct span family)
{
    const double v = s->value;
    if ((row->flags & (IS_AMOUNT | IS_NUMBER)) && isnan(v))
        return "a value of this type cannot be NaN";
    if ((row->flags & IS_AMOUNT) && v < 0)
        return "a value of this type cannot be negative";
    if ((row->flags & IS_WHOLE) && differs(v, floor(v)))
        return "a count is no whole number";
    if ((row->flags & IS_ONE) && (isnan(v) || differs(v, 1)))
        return "the value of an info is 1";
    if (!(row->flags & IS_FLAG))
        return NULL;
    if (!find_label(s, family))
        return "a state set needs a label with its own name";
    return isnan(v) || (differs(v, 0) && differs(v, 1)) ? "a state is 0 or 1" : NULL;
}

static const char *check_quantile(const struct prom_sample *s)
{
    const struct prom_label *label = find_label(s, span_from("quantile"));
    double quantile = 0;
    if (!label || num_parse_prometheus(label->value.raw, &quantile) != RC_OK ||
        !(quantile >= 0 && quantile <= 1))
        return "a summary needs a quantile between 0 and 1";
    return NULL;
}

static const char *take_bucket(struct prom_group *g, const struct prom_sample *s)
{
    const struct prom_label *label = find_label(s, span_from("le"));
    double bound = NAN;
    if (label && span_equal_text(label->value.raw, "+Inf"))
        bound = (double)INFINITY;
    else if (!label || num_parse_prometheus(label->value.raw, &bound) != RC_OK || isinf(bound))
        return "a bucket needs its bound in the label le, the last one \"+Inf\"";
    if (isnan(bound) || bound <= g->bound)
        return "bounds of buckets must rise";
    if (!isnan(g->bound) && s->value < g->bucket)
        return "buckets must not fall";
    g->negative |= bound < 0;
    g->bound = bound;
    g->bucket = s->value;
    return NULL;
}

/* A new set of labels, or the same at a later time: what came before must be complete. */
static const char *enter_group(struct prom_family *f, const struct prom_sample *s,
                               const struct row *row, enum rc *ret_code)
{
    struct prom_group *g = &f->group;
    const char *but = NULL;
    if (row->flags & NEEDS_LE)
        but = "le";
    else if (row->flags & NEEDS_QUANTILE)
        but = "quantile";
    const uint64_t labels = prom_labels_hash(s->label, s->label_count, but);
    const bool same = g->open && g->labels == labels;
    if (same && g->timed != s->timed)
        return "samples with and without a timestamp";
    if (same && s->timed && s->timestamp_s < g->timestamp_s && f->type != PROM_INFO)
        return "timestamps go back";
    if (same && !(s->timed && s->timestamp_s > g->timestamp_s))
        return NULL;
    const char *words = end_group(f);
    if (words)
        return words;
    *g = (struct prom_group){.labels = labels,
                             .open = true,
                             .timed = s->timed,
                             .timestamp_s = s->timestamp_s,
                             .bound = NAN};
    if (same || !group_taken(f, labels))
        return NULL;
    *ret_code = RC_DUPLICATE;
    return "samples of one set of labels must stand together";
}

static const char *check_exemplar(const struct prom_sample *s, const struct row *row)
{
    if (!s->has_exemplar)
        return NULL;
    return row->flags & MAY_EXEMPLAR ? NULL : "only counters and buckets have exemplars";
}

const char *prom_family_sample(struct prom_family *f, struct prom_sample *s, enum rc *ret_code)
{
    *ret_code = RC_INVALID;
    const struct row *row = row_of(f, s);
    const char *words = NULL;
    if (!row) {
        words = start_family(f, s->name, ret_code);
        if (words)
            return words;
        if (s->native.len > 0)
            return "only a histogram has a native value";
        row = &rows[0];
    }
    f->has_samples = true;
    s->type = f->type;
    words = enter_group(f, s, row, ret_code);
    if (!words)
        words = check_exemplar(s, row);
    if (!words)
        words = check_value(s, row, f->name.raw);
    if (!words && (row->flags & NEEDS_QUANTILE)) {
        words = check_quantile(s);
        f->group.negative |= s->value < 0;
    }
    if (!words && row->role == ROLE_BUCKET)
        words = take_bucket(&f->group, s);
    if (words)
        return words;
    if (row->role == ROLE_COUNT) {
        f->group.has_count = true;
        f->group.count = s->value;
    } else if (row->role == ROLE_SUM) {
        f->group.has_sum = true;
        f->group.sum = s->value;
    }
    if (s->timed || !prom_seen_before(f->seen, s->series, &f->full))
        return NULL;
    *ret_code = RC_DUPLICATE;
    return "a series stands on the page twice";
}
