/* fetch.h - what a server answers to a source: one GET, bounded in time and bytes, with whoever we
 * are shown to it, and every way to fail told as a source tells it. */
#ifndef SLUICE_SOURCE_FETCH_H
#define SLUICE_SOURCE_FETCH_H

#include "source/source.h"

struct source_fetch;

struct source_reply {
    enum source_fault fault; /* NONE: an answer with status 2xx */
    int status;              /* 0 = no answer */
    struct span body;        /* also of other statuses */
    int64_t retry_ns;        /* -1 = not said */
    const char *text;        /* words for people when there is a fault */
};
typedef void source_reply_fn(void *user, const struct source_reply *reply); /* valid in the call */

/* fn is called exactly once, later, unless cancelled. NULL with words in diag: no memory, or a
 * token file that cannot be read. The time limit is that of the round, so it is not looked at here.
 */
struct source_fetch *source_fetch(struct source *s, struct span url,
                                  const struct source_access *access, size_t bytes_max,
                                  source_reply_fn *fn, void *user, struct diag *diag);
void source_fetch_cancel(struct source_fetch *fetch); /* NULL is accepted */

/* What a failed fetch means for a source. */
enum source_fault fetch_fault(enum rc rc);

/* The first 80 bytes that can be shown, for messages about an answer that is none (FAULTS 5). */
#define FETCH_HEAD_SIZE 81
const char *source_fetch_head(struct span body, char ret_text[FETCH_HEAD_SIZE]);

#endif
