/* notify.h - tells others what happens: decisions and conditions as signed JSON to the webhooks of
 * the configuration.
 *
 * Never in the way of a decision: what is to be told is put into a bounded queue of each hook and
 * sent from the loop, one message of a hook at a time, again with growing waits when it fails, and
 * dropped and counted when the queue is full or the tries are used up (FAULTS 85). A hook that
 * hangs delays no other (R11). One thread: that of the loop. */
#ifndef SLUICE_CONTROL_NOTIFY_H
#define SLUICE_CONTROL_NOTIFY_H

#include "base/rc.h"
#include "config/config.h"
#include "io/log.h"
#include "io/loop.h"

struct notify;

#define NOTIFY_QUEUE_MAX 256 /* messages of one hook that wait */

enum notify_kind { NOTIFY_DECISION, NOTIFY_CONDITION };

/* NULL: no memory. */
struct notify *notify_new(struct loop *loop, const struct log *log);
void notify_free(struct notify *notify); /* NULL is accepted; what waits is lost */
/* Hooks that stay the same keep what waits for them. */
enum rc notify_configure(struct notify *notify, const struct config *config) MUST_CHECK;
/* Copies the body, a JSON object, for every hook that wants this kind. NULL is accepted. */
void notify_send(struct notify *notify, enum notify_kind kind, const char *pool, struct span body);

struct notify_status {
    const char *name;
    int64_t waiting;
    int64_t sent;
    int64_t dropped;
    int64_t failures; /* tries in a row */
    const char *text; /* of the last failure */
};
/* False past the end. */
bool notify_at(const struct notify *notify, size_t index, struct notify_status *ret);

#endif
