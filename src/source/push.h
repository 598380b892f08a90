/* push.h - values that others send, signed with a secret they share with the source.
 *
 * The signature is HMAC-SHA256 over `TIMESTAMP\nNONCE\nPOOL\nBODY`: a message that was changed, is
 * for another pool, is older than the window or came before is refused (FAULTS 84). */
#ifndef SLUICE_SOURCE_PUSH_H
#define SLUICE_SOURCE_PUSH_H

#include "base/mem.h"
#include "base/rc.h"
#include "source/sources.h"

#define PUSH_NONCE_MAX 64
#define PUSH_NONCE_MIN 8

struct push_message {
    struct span timestamp; /* Unix seconds, decimal */
    struct span nonce;     /* never used before; PUSH_NONCE_MIN to PUSH_NONCE_MAX bytes */
    struct span signature; /* "sha256=" and 64 hex digits */
    struct span body;      /* {"signals": {"queue-lag": 12}}; null = there is none */
    int64_t wall_ns;       /* now */
};

/* Takes all values or none. *ret_count: how many. RC_NOT_FOUND (the pool has no such source),
 * RC_DENIED (signature), RC_CONFLICT (replayed), RC_RANGE (time stamp, values), RC_LIMIT (too many
 * in the window), RC_SYNTAX, RC_UNKNOWN (signals). `scratch` holds what is parsed. */
enum rc push_take(struct sources *sources, const char *pool, const struct push_message *message,
                  struct arena *scratch, size_t *ret_count, struct diag *diag) MUST_CHECK;

/* The signature of a message, for clients and tests. */
#define PUSH_SIGNATURE_SIZE 72
void push_sign(struct span secret, const char *pool, const struct push_message *message,
               char ret_text[PUSH_SIGNATURE_SIZE]);

#endif
