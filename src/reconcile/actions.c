/* actions.c - what is to be done waits here, in order, until it is taken. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "reconcile/parts.h"

#define ACTIONS_MAX 4000000U /* every replica of every pool, with its notes */
#define KEEP_ITEMS 64        /* room of a queue that stays when it is empty */
#define ROOM 8               /* actions that one change of one replica makes at most */

static bool queue_room(struct action_queue *queue, size_t n)
{
    void *item = queue->item;
    if (queue->count == 0)
        queue->head = 0;
    if (queue->head + queue->count + n <= queue->cap)
        return true; /* nearly always, and it is asked for every replica of every tick */
    const bool fits = mem_grow(&item, &queue->cap, queue->head + queue->count + n,
                               sizeof(*queue->item), ACTIONS_MAX) == RC_OK;
    queue->item = item;
    return fits;
}

static bool tells_room(struct tell_queue *queue, size_t n)
{
    void *item = queue->item;
    if (queue->count == 0)
        queue->head = 0;
    if (queue->head + queue->count + n <= queue->cap)
        return true; /* nearly always, and it is asked for every replica of every tick */
    const bool fits = mem_grow(&item, &queue->cap, queue->head + queue->count + n,
                               sizeof(*queue->item), ACTIONS_MAX) == RC_OK;
    queue->item = item;
    return fits;
}

bool actions_room(struct reconcile *r)
{
    return queue_room(&r->first, ROOM) && queue_room(&r->then, ROOM) && tells_room(&r->tell, ROOM);
}

static struct action *push(struct action_queue *queue)
{
    if (!queue_room(queue, 1))
        return NULL;
    struct action *action = &queue->item[queue->head + queue->count++];
    memset(action, 0, sizeof(*action));
    return action;
}

static void fill(struct action *action, enum action_kind kind, const struct pool *pool,
                 const struct replica *replica)
{
    action->kind = kind;
    action->pool = pool != NULL ? pool->index : 0;
    action->replica = replica != NULL ? replica->row.id : 0;
    action->class_ = replica != NULL ? replica->row.class_ : 0;
}

void action_start(struct reconcile *r, const struct pool *pool, const struct replica *replica)
{
    struct action *action = push(&r->first);
    if (action != NULL)
        fill(action, ACTION_START, pool, replica);
}

void action_stop(struct reconcile *r, const struct pool *pool, const struct replica *replica,
                 bool kill)
{
    struct action *action = push(&r->then);
    if (action == NULL)
        return; /* told again later: STOPPING has a due time */
    fill(action, ACTION_STOP, pool, replica);
    action->kill = kill;
}

void action_record(struct reconcile *r, struct group *group)
{
    struct action *action = push(&r->then);
    if (action == NULL)
        return;
    fill(action, ACTION_RECORD, group->pool[0], NULL);
    action->record = &group->record;
}

void action_tell(struct reconcile *r, const struct message *message)
{
    if (tells_room(&r->tell, 1))
        memcpy(&r->tell.item[r->tell.head + r->tell.count++], message, sizeof(*message));
}

void note(struct reconcile *r, const struct pool *pool, const struct replica *replica,
          const char *code, const char *format, ...)
{
    struct action *action = push(&r->then);
    if (action == NULL) {
        r->lost_notes++;
        return;
    }
    fill(action, ACTION_NOTE, pool, replica);
    action->pool = pool != NULL ? pool->index : ACTION_NO_POOL;
    action->code = code;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(action->text, sizeof(action->text), format, args);
    va_end(args);
    const uint64_t lost = r->lost_notes;
    r->lost_notes = 0;
    if (lost > 0)
        note(r, NULL, NULL, "notes-lost", "memory was out for %" PRIu64 " notes", lost);
}

bool action_queue_pop(struct action_queue *queue, struct action *ret)
{
    if (queue->count == 0)
        return false;
    memcpy(ret, &queue->item[queue->head++], sizeof(*ret));
    queue->count--;
    return true;
}

bool tell_queue_pop(struct tell_queue *queue, struct message *ret)
{
    if (queue->count == 0)
        return false;
    memcpy(ret, &queue->item[queue->head++], sizeof(*ret));
    queue->count--;
    return true;
}

void actions_quiet(struct reconcile *r)
{
    if (r->then.count == 0 && r->then.cap > KEEP_ITEMS) {
        free(r->then.item);
        r->then = (struct action_queue){.cap = 0};
    }
    if (r->tell.count == 0 && r->tell.cap > KEEP_ITEMS) {
        free(r->tell.item);
        r->tell = (struct tell_queue){.cap = 0};
    }
}

void actions_done(struct reconcile *r)
{
    free(r->first.item);
    free(r->then.item);
    free(r->tell.item);
}
