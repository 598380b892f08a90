/* mail.h - letters from other threads to one loop: in order, bounded, never waited for. */
#ifndef SLUICE_GATEWAY_MAIL_H
#define SLUICE_GATEWAY_MAIL_H

#include <stdbool.h>
#include <stddef.h>

#include "io/loop.h"

/* First member of what is sent. */
struct letter {
    struct letter *next;
    void (*open)(struct letter *letter, void *reader); /* on the loop; takes the letter */
    void (*drop)(struct letter *letter);               /* frees it when nobody reads any more */
    bool bulky; /* holds much memory: fewer of these may wait */
};

struct mailbox;

struct mailbox_limits {
    size_t letters_max;
    size_t bulky_max; /* of these */
};
/* NULL: no memory. */
struct mailbox *mailbox_new(struct loop *loop, const struct mailbox_limits *limits, void *reader);
/* On the loop's thread, or when its loop does not run; senders must have stopped. */
void mailbox_free(struct mailbox *box);
/* Takes the letter. RC_LIMIT, RC_NO_MEMORY, RC_CLOSED: not taken, the letter is the caller's. */
enum rc mailbox_send(struct mailbox *box, struct letter *letter) MUST_CHECK;

#endif
