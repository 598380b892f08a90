/* order.h - what the commands scale, pause, resume and reload share: an order to the API with a
 * reason and an end. */
#ifndef SLUICE_CLI_ORDER_H
#define SLUICE_CLI_ORDER_H

#include "cli/client.h"

struct order_options {
    struct client_options client;
    int64_t for_ns; /* 0 = without end */
    const char *reason;
};
#define ORDER_ROW_FOR(help_)                                                                       \
    CLI_OPT(DURATION, struct order_options, for_ns, "for", "DURATION", NULL, 0, 31536000, help_)
#define ORDER_ROW_REASON                                                                           \
    CLI_OPT(TEXT, struct order_options, reason, "reason", "TEXT", NULL, 0, 0,                      \
            "Why, for people and the audit.")

#define ORDER_NO_COUNT INT64_C(-1)

/* POST /api/v1/pools/POOL/VERB with {replicas, reason, expires}, or to `verb` itself when pool is
 * NULL and it begins with a slash. Members without a value are left out. Returns the exit code. */
int order_send(const struct command_ops *command, const struct order_options *options,
               const char *pool, const char *verb, int64_t replicas);

#endif
