/* router.h - from the name a client asks for to the pools that may serve it. Built once from a
 * routes snapshot; read-only afterwards; owns copies of what it needs.
 *
 * Order of matching: exact name; name without ":latest"; the longest entry that ends in '*'. Among
 * the entries of a match those of order 0 share by weight (canary), the next orders are fallbacks.
 */
#ifndef SLUICE_TRAFFIC_ROUTER_H
#define SLUICE_TRAFFIC_ROUTER_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "core/message.h"

#define ROUTER_CHOICES_MAX 16 /* pools that may serve one request */
#define ROUTER_NEAR_MAX 3

struct router;

struct router_choice {
    uint16_t pool; /* index in routes.pool */
    uint16_t order;
    const char *upstream; /* name to send on; "" = unchanged; lives as long as the router */
};

/* NULL when memory is out. */
struct router *router_new(const struct routes *routes);
void router_free(struct router *router);

/* Pools in the order in which to try them: one of each order is drawn by weight with `draw`,
 * equally spread over 64 bits (a hash of session or request: the same draw gives the same canary),
 * then its sisters of the order, then the next order. Returns how many; 0 = unknown model. */
size_t router_find(const struct router *router, struct span model, uint64_t draw,
                   struct router_choice ret[ROUTER_CHOICES_MAX]);
/* Known names near an unknown one, nearest first; returns how many. They live as long as the
 * router. */
size_t router_near(const struct router *router, struct span model,
                   const char *ret[ROUTER_NEAR_MAX]);
/* All names without wildcards, in order of first mention, each once. */
size_t router_count(const struct router *router);
const char *router_name(const struct router *router, size_t index);
uint16_t router_pool(const struct router *router, size_t index); /* its first pool */

#endif
