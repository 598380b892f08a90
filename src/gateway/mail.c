#include "gateway/mail.h"

#include <stdlib.h>

#include <uv.h>

#include "base/mem.h"

struct mailbox {
    struct loop *loop;
    void *reader;
    struct mailbox_limits limits;
    uv_mutex_t lock; /* of all below */
    struct letter *first;
    struct letter *last;
    size_t count;
    size_t bulky;
    bool posted; /* the loop knows that letters wait */
};

static struct letter *take_all(struct mailbox *box)
{
    uv_mutex_lock(&box->lock);
    struct letter *first = box->first;
    box->first = box->last = NULL;
    box->count = box->bulky = 0;
    box->posted = false;
    uv_mutex_unlock(&box->lock);
    return first;
}

static void on_post(void *user)
{
    struct mailbox *box = user;
    struct letter *next = NULL;
    for (struct letter *letter = take_all(box); letter; letter = next) {
        next = letter->next;
        letter->open(letter, box->reader);
        loop_settle(box->loop);
    }
}

struct mailbox *mailbox_new(struct loop *loop, const struct mailbox_limits *limits, void *reader)
{
    struct mailbox *box = mem_new(1, sizeof(*box));
    if (!box || uv_mutex_init(&box->lock) != 0) {
        free(box);
        return NULL;
    }
    box->loop = loop;
    box->limits = *limits;
    box->reader = reader;
    return box;
}

void mailbox_free(struct mailbox *box)
{
    if (!box)
        return;
    loop_unpost(box->loop, on_post, box);
    struct letter *next = NULL;
    for (struct letter *letter = take_all(box); letter; letter = next) {
        next = letter->next;
        letter->drop(letter);
    }
    uv_mutex_destroy(&box->lock);
    free(box);
}

enum rc mailbox_send(struct mailbox *box, struct letter *letter)
{
    enum rc rc = RC_OK;
    letter->next = NULL;
    uv_mutex_lock(&box->lock);
    if (box->count >= box->limits.letters_max ||
        (letter->bulky && box->bulky >= box->limits.bulky_max))
        rc = RC_LIMIT;
    else if (!box->posted)
        rc = loop_post(box->loop, on_post, box);
    if (rc == RC_OK) {
        box->posted = true;
        if (box->last)
            box->last->next = letter;
        else
            box->first = letter;
        box->last = letter;
        box->count++;
        box->bulky += letter->bulky;
    }
    uv_mutex_unlock(&box->lock);
    return rc;
}
