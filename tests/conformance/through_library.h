/* through_library.h - the same pools a second time behind libsluice: configured by text, told the
 * same, asked at the same times; each decision must be the one of the core, byte for byte as JSON.
 */
#ifndef SLUICE_TESTS_CONFORMANCE_THROUGH_LIBRARY_H
#define SLUICE_TESTS_CONFORMANCE_THROUGH_LIBRARY_H

#include "core/group.h"

struct through_library {
    struct sluice *handle;
    struct buf *why;
};

/* What was said of these pools, as text; false when it is refused. `handle` is NULL before. */
bool through_library_start(struct through_library *t, const struct pool_spec *pools, size_t count,
                           int64_t now_ns, int64_t replicas);
bool through_library_change(struct through_library *t, const struct pool_spec *pools, size_t count,
                            int64_t now_ns);
/* external is the name of an external signal, or NULL. */
void through_library_put(struct through_library *t, const struct sample *sample,
                         const char *external);
void through_library_put_pod(struct through_library *t, const struct pod_sample *pod,
                             const char *external);
/* Decides and compares with the decisions of the core. */
bool through_library_decide(struct through_library *t, const struct group_spec *group,
                            const struct observation *o, const struct decision *expected);
void through_library_done(struct through_library *t);

#endif
