/* origin.h - which pool made a response, file or batch: what later requests name by its id alone
 * goes back there. Bounded: the longest unused ones are forgotten first. Not thread-safe. */
#ifndef SLUICE_TRAFFIC_ORIGIN_H
#define SLUICE_TRAFFIC_ORIGIN_H

#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/span.h"

#define ORIGINS_MAX ((size_t)32768) /* ids remembered, 1 MiB */

struct origin {
    uint64_t id;      /* origin_id(); 0 = free */
    uint64_t pool;    /* the caller's mark of it */
    uint64_t session; /* of the request that made it; 0 = none */
    uint64_t used;    /* counts up at each use */
};

/* Zeroed, it remembers nothing; the memory comes with the first id. */
struct origins {
    struct origin *entry;
    uint64_t uses;
};

uint64_t origin_id(struct span id); /* never 0 */
void origins_done(struct origins *origins);
/* RC_NO_MEMORY: not remembered. */
enum rc origins_put(struct origins *origins, const struct origin *origin) MUST_CHECK;
/* NULL: not known, or forgotten. Valid until the next call. */
const struct origin *origins_get(struct origins *origins, uint64_t id);

#endif
