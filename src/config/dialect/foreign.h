/* foreign.h - a foreign document told in our words: what its settings come to as a pool, each with
 * the place that says so, and everything in it that its own controller would refuse. */
#ifndef SLUICE_CONFIG_DIALECT_FOREIGN_H
#define SLUICE_CONFIG_DIALECT_FOREIGN_H

#include "base/mem.h"
#include "base/opt.h"
#include "base/tree.h"
#include "config/read.h"
#include "core/policy.h"

/* One setting. node is what set it; NULL = the default of the foreign kind. */
typedef void foreign_setting_fn(void *user, const char *path, const char *value,
                                const struct tree *node);

struct foreign {
    struct reader *reader; /* where problems go */
    struct arena *arena;
    foreign_setting_fn *setting;
    void *user;
};

/* Which member of the document sets an option of the policy. */
struct foreign_source {
    const char *option;
    const struct tree *node;
};

void foreign_say(const struct foreign *f, const char *path, const struct tree *node,
                 const char *format, ...) PRINTF_LIKE(4, 5);
/* The bounds of the pool, its policy and all of the policy's options. */
struct foreign_pool {
    const char *policy;
    const void *config;
    int64_t min;
    int64_t max; /* 0 = unlimited */
    const struct tree *min_node;
    const struct tree *max_node;
    const struct foreign_source *source;
    size_t source_count;
};
void foreign_say_pool(const struct foreign *f, const struct foreign_pool *pool);
/* Puts what a check found at its place: the member that diag names under `root`, whole or as a
 * path, or the first member that its words name. */
void foreign_problem(const struct foreign *f, const struct tree *root, const struct diag *diag,
                     bool warning);

#endif
