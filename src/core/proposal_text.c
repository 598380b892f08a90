#include "core/proposal_text.h"

#include <math.h>
#include <string.h>

#include "core/fields.h"

#define NUMBERS 4

static const struct field fields[] = {
    {"replicas", FIELD_I64, offsetof(struct proposal, replicas), 1},
    {"exact", FIELD_F64, offsetof(struct proposal, exact), 1},
    {"abstain", FIELD_U8, offsetof(struct proposal, abstain), 1},
    {"urgent", FIELD_U8, offsetof(struct proposal, urgent), 1},
};

/* -0.0 is not left out: it is another pattern of bits. */
static bool is_zero(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits == 0;
}

void numbers_print(const double number[4], struct json_writer *w)
{
    size_t n = NUMBERS;
    while (n > 0 && is_zero(number[n - 1]))
        n--;
    if (n == 0)
        return;
    json_key(w, "numbers");
    json_array(w);
    for (size_t i = 0; i < n; i++)
        fields_print_number(number[i], w);
    json_array_end(w);
}

enum rc numbers_parse(const struct tree *object, double ret_number[4], struct diag *diag)
{
    const struct tree *json = tree_get(object, "numbers");
    if (json == NULL)
        return RC_OK;
    if (json->kind != TREE_ARRAY || json->count > NUMBERS)
        return fail(diag, RC_INVALID, "\"numbers\" is an array of at most %d numbers", NUMBERS);
    size_t i = 0;
    for (const struct tree *item = json->first; item != NULL; item = item->next)
        if (!fields_parse_number(item, &ret_number[i++]))
            return fail(diag, RC_INVALID, "\"numbers\" holds something that is no number");
    return RC_OK;
}

enum rc reason_parse(const struct tree *object, uint16_t *ret, struct diag *diag)
{
    struct span code;
    if (!tree_string(tree_get(object, "reason"), &code))
        return fail(diag, RC_MISSING, "\"reason\" is missing");
    const enum reason reason = reason_find(code);
    if (reason == REASON_COUNT)
        return fail(diag, RC_UNKNOWN, "no reason has the code \"%.*s\"", SPAN_ARG(code));
    *ret = (uint16_t)reason;
    return RC_OK;
}

void proposal_print(const struct proposal *p, struct json_writer *w)
{
    struct proposal defaults;
    memset(&defaults, 0, sizeof(defaults));
    defaults.exact = NAN;
    json_object(w);
    fields_print(fields, COUNT_OF(fields), p, &defaults, w);
    json_member_text(w, "reason",
                     p->reason < REASON_COUNT ? reason_code((enum reason)p->reason) : "?");
    numbers_print(p->number, w);
    json_object_end(w);
}

enum rc proposal_parse(const struct tree *json, struct proposal *ret, struct diag *diag)
{
    struct proposal p;
    memset(&p, 0, sizeof(p));
    p.exact = NAN;
    if (json == NULL || json->kind != TREE_OBJECT)
        return fail(diag, RC_INVALID, "a proposal is an object");
    enum rc rc = fields_parse(fields, COUNT_OF(fields), json, false, &p, diag);
    if (rc == RC_OK)
        rc = reason_parse(json, &p.reason, diag);
    if (rc == RC_OK)
        rc = numbers_parse(json, p.number, diag);
    if (rc == RC_OK)
        memcpy(ret, &p, sizeof(p));
    return rc;
}
