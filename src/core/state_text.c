/* state_text.c - a state block as JSON and back, through the field tables of its plug-ins: for
 * people, for tests, and to compare two states in words. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "core/fields.h"
#include "core/plan.h"
#include "core/proposal_text.h"

static const struct field pool_fields[] = {
    FIELD(I64, pool_state, desired),
    FIELD(I64, pool_state, before),
};

static size_t field_size(const struct field *row)
{
    switch (row->kind) {
    case FIELD_I64:
    case FIELD_U64:
    case FIELD_F64:
        return (size_t)row->count * 8;
    case FIELD_I32:
    case FIELD_U32:
        return (size_t)row->count * 4;
    case FIELD_U8:
        return row->count;
    }
    return 0;
}

/* Where the part that the table describes ends. */
static size_t fixed_size(const struct policy_plan *policy)
{
    size_t end = 0;
    for (size_t i = 0; i < policy->ops->field_count; i++) {
        const struct field *row = &policy->ops->fields[i];
        const size_t row_end = row->offset + field_size(row);
        end = row_end > end ? row_end : end;
    }
    return end < policy->size ? end : policy->size;
}

/* ---- print ---- */

static void print_policy(const struct policy_plan *policy, const struct group_state *state,
                         struct json_writer *w)
{
    const struct policy_state *own = state_at_const(state, policy->offset);
    const size_t fixed = fixed_size(policy);
    json_object(w);
    json_member_text(w, "name", policy->ops->name);
    json_member_int(w, "next", own->next_ns);
    json_key(w, "proposal");
    proposal_print(&own->proposal, w);
    json_key(w, "fields");
    json_object(w);
    fields_print(policy->ops->fields, policy->ops->field_count, own + 1, NULL, w);
    json_object_end(w);
    json_key(w, "rest");
    fields_print_words((const unsigned char *)(own + 1) + fixed, policy->size - fixed, w);
    json_object_end(w);
}

static void print_window(const struct window_plan *window, const struct group_state *state,
                         struct json_writer *w)
{
    char name[2 * NAME_SIZE];
    signal_print(&window->need.signal, name, sizeof(name));
    json_object(w);
    json_member_text(w, "signal", name);
    json_member_int(w, "span", window->need.span_ns);
    json_key(w, "held");
    series_print(&window->need, state_at_const(state, window->offset), w);
    json_object_end(w);
}

static void print_pool(const struct pool_plan *plan, const struct group_state *state,
                       struct json_writer *w)
{
    json_object(w);
    json_member_text(w, "name", plan->spec->name);
    fields_print(pool_fields, COUNT_OF(pool_fields), state_at_const(state, plan->offset), NULL, w);
    json_key(w, "policy");
    print_policy(&plan->policy, state, w);
    json_key(w, "shadows");
    json_array(w);
    for (size_t i = 0; i < plan->spec->shadow_count; i++)
        print_policy(&plan->shadow[i], state, w);
    json_array_end(w);
    json_key(w, "stages");
    json_object(w);
    for (uint32_t i = 0; i < plan->stage_count; i++) {
        const struct stage_ops *ops = plan->stage[i].ops;
        if (ops->field_count == 0)
            continue;
        json_key(w, stage_name(ops->id));
        json_object(w);
        fields_print(ops->fields, ops->field_count, state_at_const(state, plan->stage[i].offset),
                     NULL, w);
        json_object_end(w);
    }
    json_object_end(w);
    json_key(w, "windows");
    json_array(w);
    for (uint32_t i = 0; i < plan->window_count; i++)
        print_window(&plan->window[i], state, w);
    json_array_end(w);
    json_object_end(w);
}

static void shape_text(uint64_t shape, char ret_text[17])
{
    (void)snprintf(ret_text, 17, "%016" PRIx64, shape);
}

void group_state_print(const struct group_spec *group, const struct group_state *state,
                       struct json_writer *w)
{
    char shape[17];
    shape_text(group->shape, shape);
    json_object(w);
    json_member_text(w, "group", group->name);
    json_member_int(w, "version", STATE_VERSION);
    json_member_text(w, "shape", shape);
    json_member_int(w, "now", state->now_ns);
    json_key(w, "pools");
    json_array(w);
    for (size_t i = 0; i < group->pool_count; i++)
        print_pool(&group->pool[i], state, w);
    json_array_end(w);
    json_object_end(w);
}

/* ---- parse ---- */

static enum rc parse_policy(const struct pool_plan *plan, const struct policy_plan *policy,
                            const struct tree *json, struct group_state *state, struct diag *diag)
{
    struct policy_state *own = state_at(state, policy->offset);
    const size_t fixed = fixed_size(policy);
    if (!tree_int(tree_get(json, "next"), &own->next_ns))
        return fail(diag, RC_MISSING, "\"next\" of policy %s is missing", policy->ops->name);
    enum rc rc = proposal_parse(tree_get(json, "proposal"), &own->proposal, diag);
    if (rc == RC_OK)
        rc = fields_parse(policy->ops->fields, policy->ops->field_count, tree_get(json, "fields"),
                          true, own + 1, diag);
    if (rc == RC_OK)
        rc = fields_parse_words(tree_get(json, "rest"), (unsigned char *)(own + 1) + fixed,
                                policy->size - fixed, diag);
    if (rc == RC_OK && !policy_state_valid(plan, policy, state))
        return fail(diag, RC_INVALID, "the parts of the state of policy %s do not fit each other",
                    policy->ops->name);
    return rc;
}

static enum rc parse_parts(const struct pool_plan *plan, const struct tree *json,
                           struct group_state *state, struct diag *diag)
{
    const struct tree *stages = tree_get(json, "stages");
    const struct tree *windows = tree_get(json, "windows");
    enum rc rc = RC_OK;
    for (size_t i = 0; i < plan->spec->shadow_count && rc == RC_OK; i++)
        rc = parse_policy(plan, &plan->shadow[i], tree_at(tree_get(json, "shadows"), i), state,
                          diag);
    for (uint32_t i = 0; i < plan->stage_count && rc == RC_OK; i++) {
        const struct stage_ops *ops = plan->stage[i].ops;
        rc = fields_parse(ops->fields, ops->field_count, tree_get(stages, stage_name(ops->id)),
                          true, state_at(state, plan->stage[i].offset), diag);
    }
    for (uint32_t i = 0; i < plan->window_count && rc == RC_OK; i++)
        rc = series_parse(&plan->window[i].need, tree_get(tree_at(windows, i), "held"),
                          state_at(state, plan->window[i].offset), diag);
    return rc;
}

static enum rc parse_pool(const struct pool_plan *plan, const struct tree *json,
                          struct group_state *state, struct diag *diag)
{
    struct pool_state *pool = state_at(state, plan->offset);
    enum rc rc = fields_parse(pool_fields, COUNT_OF(pool_fields), json, true, pool, diag);
    if (rc == RC_OK && (pool->desired < 0 || pool->desired > REPLICAS_MAX))
        rc = fail(diag, RC_RANGE, "a desired count of %" PRId64 " is out of range", pool->desired);
    if (rc == RC_OK)
        rc = parse_policy(plan, &plan->policy, tree_get(json, "policy"), state, diag);
    if (rc == RC_OK)
        rc = parse_parts(plan, json, state, diag);
    if (rc != RC_OK)
        diag_at(diag, "%s", plan->spec->name);
    return rc;
}

enum rc group_state_parse(const struct group_spec *group, const struct tree *json,
                          struct group_state *state, struct diag *diag)
{
    static const int64_t none[POOLS_PER_GROUP_MAX];
    char shape[17];
    struct span text;
    int64_t version = 0;
    int64_t now_ns = 0;
    shape_text(group->shape, shape);
    if (!tree_int(tree_get(json, "version"), &version) || version != STATE_VERSION)
        return fail(diag, RC_VERSION, "a state of version %u is expected", STATE_VERSION);
    if (!tree_string(tree_get(json, "shape"), &text) || !span_equal_text(text, shape))
        return fail(diag, RC_CONFLICT, "the state belongs to another specification of group \"%s\"",
                    group->name);
    if (!tree_int(tree_get(json, "now"), &now_ns))
        return fail(diag, RC_MISSING, "\"now\" is missing");
    group_state_init(group, state, now_ns, none);
    for (size_t i = 0; i < group->pool_count; i++) {
        const enum rc rc =
            parse_pool(&group->pool[i], tree_at(tree_get(json, "pools"), i), state, diag);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}
