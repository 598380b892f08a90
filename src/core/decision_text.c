/* decision_text.c - decisions with their trails as JSON and back, and as sentences. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/num.h"
#include "core/fields.h"
#include "core/plan.h"
#include "core/proposal_text.h"

#define DECISION_FIELD(name_, kind_, member_)                                                      \
    {                                                                                              \
        name_, FIELD_##kind_, offsetof(struct decision, member_), 1                                \
    }

static const struct field counts[] = {
    DECISION_FIELD("desired", I64, desired),
    DECISION_FIELD("previous", I64, previous),
};
static const struct field rest[] = {
    DECISION_FIELD("warm", I64, warm),
    {"classes", FIELD_I64, offsetof(struct decision, class_desired), CLASSES_PER_POOL_MAX},
    DECISION_FIELD("wake", U8, wake),
    DECISION_FIELD("urgent", U8, urgent),
    DECISION_FIELD("held", U8, held),
    DECISION_FIELD("evaluated", U8, evaluated),
    DECISION_FIELD("fallback", U8, fallback),
    DECISION_FIELD("trailDropped", U32, trail_dropped),
};
static const struct field entry_fields[] = {
    {"before", FIELD_I32, offsetof(struct trail_entry, before), 1},
    {"after", FIELD_I32, offsetof(struct trail_entry, after), 1},
};

/* ---- print ---- */

static void print_entry(const struct trail_entry *entry, struct json_writer *w)
{
    json_object(w);
    json_member_text(w, "stage",
                     entry->stage < STAGE_COUNT ? stage_name((enum stage_id)entry->stage) : "?");
    fields_print(entry_fields, COUNT_OF(entry_fields), entry, NULL, w);
    json_member_text(w, "reason",
                     entry->reason < REASON_COUNT ? reason_code((enum reason)entry->reason) : "?");
    if (entry->metric != UINT16_MAX)
        json_member_int(w, "metric", entry->metric);
    numbers_print(entry->number, w);
    json_object_end(w);
}

void decision_print(const struct group_spec *group, size_t pool, const struct decision *decision,
                    struct json_writer *w)
{
    const struct pool_spec *spec = group_pool(group, pool);
    struct decision defaults;
    memset(&defaults, 0, sizeof(defaults));
    json_object(w);
    fields_print(counts, COUNT_OF(counts), decision, NULL, w);
    fields_print(rest, COUNT_OF(rest), decision, &defaults, w);
    json_key(w, "proposal");
    proposal_print(&decision->proposal, w);
    if (spec->shadow_count > 0) {
        json_key(w, "shadows");
        json_array(w);
        for (size_t i = 0; i < spec->shadow_count; i++)
            proposal_print(&decision->shadow[i], w);
        json_array_end(w);
    }
    json_key(w, "trail");
    json_array(w);
    for (uint32_t i = 0; i < decision->trail_count && i < TRAIL_MAX; i++)
        print_entry(&decision->trail[i], w);
    json_array_end(w);
    json_object_end(w);
}

/* ---- parse ---- */

static enum rc parse_entry(const struct tree *json, struct trail_entry *ret, struct diag *diag)
{
    struct span name;
    int64_t metric = UINT16_MAX;
    if (!tree_string(tree_get(json, "stage"), &name))
        return fail(diag, RC_MISSING, "\"stage\" is missing");
    const enum stage_id stage = stage_find(name);
    if (stage == STAGE_COUNT)
        return fail(diag, RC_UNKNOWN, "no stage is named \"%.*s\"", SPAN_ARG(name));
    ret->stage = (uint8_t)stage;
    if (tree_get(json, "metric") != NULL &&
        (!tree_int(tree_get(json, "metric"), &metric) || metric < 0 || metric > UINT16_MAX))
        return fail(diag, RC_INVALID, "\"metric\" is no index");
    ret->metric = (uint16_t)metric;
    enum rc rc = fields_parse(entry_fields, COUNT_OF(entry_fields), json, true, ret, diag);
    if (rc == RC_OK)
        rc = reason_parse(json, &ret->reason, diag);
    if (rc == RC_OK)
        rc = numbers_parse(json, ret->number, diag);
    return rc;
}

static enum rc parse_trail(const struct tree *json, struct decision *d, struct diag *diag)
{
    if (json == NULL || json->kind != TREE_ARRAY || json->count > TRAIL_MAX)
        return fail(diag, RC_INVALID, "\"trail\" is an array of at most %d entries", TRAIL_MAX);
    for (const struct tree *item = json->first; item != NULL; item = item->next) {
        const enum rc rc = parse_entry(item, &d->trail[d->trail_count], diag);
        if (rc != RC_OK) {
            diag_at(diag, "trail[%u]", (unsigned)d->trail_count);
            return rc;
        }
        d->trail_count++;
    }
    return RC_OK;
}

static enum rc parse_shadows(const struct tree *json, size_t count, struct decision *d,
                             struct diag *diag)
{
    if (count == 0)
        return RC_OK;
    if (json == NULL || json->kind != TREE_ARRAY || json->count != count)
        return fail(diag, RC_INVALID, "\"shadows\" is an array of %zu proposals", count);
    size_t i = 0;
    d->shadow_count = count;
    for (const struct tree *item = json->first; item != NULL; item = item->next) {
        const enum rc rc = proposal_parse(item, &d->shadow[i++], diag);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

enum rc decision_parse(const struct group_spec *group, size_t pool, const struct tree *json,
                       struct decision *ret, struct diag *diag)
{
    struct decision d;
    memset(&d, 0, sizeof(d));
    enum rc rc = fields_parse(counts, COUNT_OF(counts), json, true, &d, diag);
    if (rc == RC_OK)
        rc = fields_parse(rest, COUNT_OF(rest), json, false, &d, diag);
    if (rc == RC_OK)
        rc = proposal_parse(tree_get(json, "proposal"), &d.proposal, diag);
    if (rc == RC_OK)
        rc = parse_shadows(tree_get(json, "shadows"), group_pool(group, pool)->shadow_count, &d,
                           diag);
    if (rc == RC_OK)
        rc = parse_trail(tree_get(json, "trail"), &d, diag);
    if (rc == RC_OK)
        memcpy(ret, &d, sizeof(d));
    return rc;
}

/* ---- words ---- */

/* Three decimals are enough for a sentence; the JSON has them all. */
static void put_number(struct buf *out, double value)
{
    buf_number(out, fabs(value) < 1e12 ? rint(value * 1000) / 1000 : value);
}

/* Puts what stands between the braces; an unknown name is left as it is written. */
static void put_placeholder(const struct pool_spec *spec, const struct trail_entry *entry,
                            struct span name, struct buf *out)
{
    if (name.len == 1 && name.ptr[0] >= '0' && name.ptr[0] < '0' + (int)COUNT_OF(entry->number))
        put_number(out, entry->number[name.ptr[0] - '0']);
    else if (span_equal_text(name, "before"))
        buf_int(out, entry->before);
    else if (span_equal_text(name, "after"))
        buf_int(out, entry->after);
    else if (span_equal_text(name, "metric") && entry->metric < spec->metric_count)
        buf_text(out, spec->metric[entry->metric].type);
    else if (span_equal_text(name, "signal") && entry->number[0] >= 0 &&
             entry->number[0] < SIGNAL_COUNT)
        buf_text(
            out,
            signal_row((enum signal_id)num_to_int(entry->number[0], 0, SIGNAL_COUNT - 1))->name);
    else if (span_equal_text(name, "class") && entry->number[0] >= 0 &&
             entry->number[0] < (double)spec->class_count)
        buf_text(out, spec->class_[num_to_int(entry->number[0], 0, CLASSES_PER_POOL_MAX - 1)].name);
    else
        buf_printf(out, "{%.*s}", SPAN_ARG(name));
}

void trail_words(const struct group_spec *group, size_t pool, const struct trail_entry *entry,
                 struct buf *out)
{
    const struct pool_spec *spec = group_pool(group, pool);
    assert(entry->reason < REASON_COUNT);
    struct span rest_of = span_from(reason_words((enum reason)entry->reason));
    if (entry->metric < spec->metric_count)
        buf_printf(out, "%s: ", spec->metric[entry->metric].type);
    while (rest_of.len > 0) {
        const size_t open = span_find_byte(rest_of, '{', 0);
        const size_t close = open == SIZE_MAX ? SIZE_MAX : span_find_byte(rest_of, '}', open);
        if (close == SIZE_MAX) {
            buf_span(out, rest_of);
            return;
        }
        buf_span(out, span_slice(rest_of, 0, open));
        put_placeholder(spec, entry, span_slice(rest_of, open + 1, close - open - 1), out);
        rest_of = span_slice(rest_of, close + 1, rest_of.len);
    }
}
