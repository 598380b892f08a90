/* registry.c - the table of policies, and the search by name. */
#include "core/policy.h"

#define POLICY(name) extern const struct policy_ops policy_##name;
#include "core/policy/registry.def"
#undef POLICY

static const struct policy_ops *const policies[] = {
#define POLICY(name) &policy_##name,
#include "core/policy/registry.def"
#undef POLICY
};

const struct policy_ops *policy_at(size_t index)
{
    return index < COUNT_OF(policies) ? policies[index] : NULL;
}

const struct policy_ops *policy_find(struct span name)
{
    for (size_t i = 0; i < COUNT_OF(policies); i++)
        if (span_equal_text(name, policies[i]->name))
            return policies[i];
    return NULL;
}
