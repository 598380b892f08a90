/* store_writer.c - queue of copied records, one thread, one transaction a batch. */
#include "store/store_writer.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define GIVE_BACK_BYTES ((size_t)2 << 20)

enum record_kind {
    RECORD_TICK,
    RECORD_STATE,
    RECORD_CONFIG,
    RECORD_DOCUMENT,
    RECORD_EVENT,
    RECORD_SERIES,
    RECORD_BILL
};

/* A keyed record: state, configuration or document. */
struct item {
    const char *name; /* group, configuration name or document kind */
    const char *key;
    uint64_t hash;
    int64_t now_ns;
    struct span bytes;
};

/* A record and behind it, in the same allocation, the bytes that its spans and texts point to. */
struct record {
    struct record *next;
    size_t bytes;
    enum record_kind kind;
    union {
        struct store_tick tick;
        struct store_event event;
        struct store_bill bill;
        struct item item;
    };
};

struct store_writer {
    struct store *store;
    uv_thread_t thread;
    uv_mutex_t mutex;
    uv_cond_t work;
    uv_cond_t idle;
    struct record *first;
    struct record **last;
    size_t queued_bytes;
    bool stopping;
    bool busy;
    size_t most_bytes; /* queued at once, since memory was given back */
    int64_t wall_ns;   /* newest seen on a tick: pruning needs no clock of its own */
    int64_t pruned_ns;
    struct store_writer_status status;
};

/* ---- copying ---- */

struct copier {
    char *next;
};

static struct span copy_span(struct copier *copier, struct span s)
{
    const struct span copy = {.ptr = copier->next, .len = s.len};

    if (s.len > 0)
        memcpy(copier->next, s.ptr, s.len);
    copier->next[s.len] = '\0';
    copier->next += s.len + 1;
    return copy;
}

static const char *copy_text(struct copier *copier, const char *text)
{
    return text == NULL ? NULL : copy_span(copier, span_from(text)).ptr;
}

static size_t text_size(const char *text)
{
    return text == NULL ? 0 : strlen(text) + 1;
}

static struct record *record_new(enum record_kind kind, size_t extra, struct copier *ret)
{
    struct record *record = malloc(sizeof *record + extra);

    if (record == NULL)
        return NULL;
    memset(record, 0, sizeof *record);
    record->kind = kind;
    record->bytes = sizeof *record + extra;
    ret->next = (char *)(record + 1);
    return record;
}

static enum rc enqueue(struct store_writer *writer, struct record *record)
{
    enum rc rc = record == NULL ? RC_NO_MEMORY : RC_OK;

    uv_mutex_lock(&writer->mutex);
    if (rc == RC_OK && writer->queued_bytes + record->bytes > STORE_QUEUE_BYTES_MAX)
        rc = RC_LIMIT;
    if (rc == RC_OK) {
        *writer->last = record;
        writer->last = &record->next;
        writer->queued_bytes += record->bytes;
        if (writer->queued_bytes > writer->most_bytes)
            writer->most_bytes = writer->queued_bytes;
        if (record->kind == RECORD_TICK)
            writer->wall_ns = record->tick.wall_ns;
        uv_cond_signal(&writer->work);
    } else {
        writer->status.dropped++;
    }
    uv_mutex_unlock(&writer->mutex);
    if (rc != RC_OK)
        free(record);
    return rc;
}

enum rc store_writer_tick(struct store_writer *writer, const struct store_tick *tick)
{
    struct copier copier;
    struct record *record =
        record_new(RECORD_TICK,
                   text_size(tick->group) + tick->state.len + tick->samples.len +
                       tick->observation.len + tick->decision.len + 4,
                   &copier);

    if (record != NULL) {
        record->tick = *tick;
        record->tick.group = copy_text(&copier, tick->group);
        record->tick.state = copy_span(&copier, tick->state);
        record->tick.samples = copy_span(&copier, tick->samples);
        record->tick.observation = copy_span(&copier, tick->observation);
        record->tick.decision = copy_span(&copier, tick->decision);
    }
    return enqueue(writer, record);
}

static enum rc enqueue_item(struct store_writer *writer, enum record_kind kind,
                            const struct item *item)
{
    struct copier copier;
    struct record *record = record_new(
        kind, text_size(item->name) + text_size(item->key) + item->bytes.len + 1, &copier);

    if (record != NULL) {
        record->item.name = copy_text(&copier, item->name);
        record->item.key = copy_text(&copier, item->key);
        record->item.hash = item->hash;
        record->item.now_ns = item->now_ns;
        record->item.bytes = copy_span(&copier, item->bytes);
    }
    return enqueue(writer, record);
}

enum rc store_writer_state(struct store_writer *writer, const char *group, uint64_t config_hash,
                           int64_t now_ns, struct span bytes)
{
    return enqueue_item(
        writer, RECORD_STATE,
        &(struct item){.name = group, .hash = config_hash, .now_ns = now_ns, .bytes = bytes});
}

enum rc store_writer_config(struct store_writer *writer, uint64_t hash, const char *name,
                            struct span text)
{
    return enqueue_item(writer, RECORD_CONFIG,
                        &(struct item){.name = name, .hash = hash, .bytes = text});
}

enum rc store_writer_document(struct store_writer *writer, const char *kind, const char *key,
                              struct span json)
{
    return enqueue_item(writer, RECORD_DOCUMENT,
                        &(struct item){.name = kind, .key = key, .bytes = json});
}

enum rc store_writer_series(struct store_writer *writer, enum store_series series, const char *pool,
                            int64_t wall_ns, struct span json)
{
    return enqueue_item(
        writer, RECORD_SERIES,
        &(struct item){.key = pool, .hash = (uint64_t)series, .now_ns = wall_ns, .bytes = json});
}

enum rc store_writer_bill(struct store_writer *writer, const struct store_bill *bill)
{
    struct copier copier;
    struct record *record =
        record_new(RECORD_BILL, text_size(bill->pool) + text_size(bill->class_), &copier);

    if (record != NULL) {
        record->bill = *bill;
        record->bill.pool = copy_text(&copier, bill->pool);
        record->bill.class_ = copy_text(&copier, bill->class_);
    }
    return enqueue(writer, record);
}

enum rc store_writer_event(struct store_writer *writer, const struct store_event *event)
{
    struct copier copier;
    struct record *record =
        record_new(RECORD_EVENT,
                   text_size(event->pool) + text_size(event->code) + event->json.len + 1, &copier);

    if (record != NULL) {
        record->event = *event;
        record->event.pool = copy_text(&copier, event->pool);
        record->event.code = copy_text(&copier, event->code);
        record->event.json = copy_span(&copier, event->json);
    }
    return enqueue(writer, record);
}

/* ---- the thread ---- */

static enum rc write_record(struct store *store, const struct record *record, struct diag *diag)
{
    switch (record->kind) {
    case RECORD_TICK:
        return store_tick(store, &record->tick, diag);
    case RECORD_EVENT:
        return store_event(store, &record->event, diag);
    case RECORD_SERIES:
        return store_series_put(store, (enum store_series)record->item.hash, record->item.key,
                                record->item.now_ns, record->item.bytes, diag);
    case RECORD_BILL:
        return store_bill_add(store, &record->bill, diag);
    case RECORD_STATE:
        return store_state_put(store, record->item.name, record->item.hash, record->item.now_ns,
                               record->item.bytes, diag);
    case RECORD_CONFIG:
        return store_config(store, record->item.hash, record->item.name, record->item.bytes, diag);
    case RECORD_DOCUMENT:
        if (record->item.bytes.len == 0)
            return store_delete(store, record->item.name, record->item.key, diag);
        return store_put(store, record->item.name, record->item.key, record->item.bytes, diag);
    }
    return RC_OK;
}

static enum rc write_batch(struct store_writer *writer, const struct record *first, int64_t wall_ns,
                           struct diag *diag)
{
    enum rc rc = store_begin(writer->store, diag);

    if (rc != RC_OK)
        return rc;
    for (const struct record *record = first; rc == RC_OK && record != NULL; record = record->next)
        rc = write_record(writer->store, record, diag);
    if (rc == RC_OK && wall_ns - writer->pruned_ns >= STORE_PRUNE_EVERY_NS) {
        rc = store_prune(writer->store, wall_ns, diag);
        writer->pruned_ns = wall_ns;
    }
    if (rc == RC_OK)
        rc = store_commit(writer->store, diag);
    if (rc != RC_OK)
        store_rollback(writer->store);
    return rc;
}

/* Cuts up to STORE_BATCH_MAX records off the queue; the mutex is held. */
static struct record *take_batch(struct store_writer *writer)
{
    struct record *first = writer->first;
    struct record **end = &writer->first;

    for (int i = 0; i < STORE_BATCH_MAX && *end != NULL; i++) {
        writer->queued_bytes -= (*end)->bytes;
        end = &(*end)->next;
    }
    writer->first = *end;
    *end = NULL;
    if (writer->first == NULL)
        writer->last = &writer->first;
    return first;
}

static int64_t free_batch(struct record *record)
{
    int64_t count = 0;

    while (record != NULL) {
        struct record *next = record->next;

        free(record);
        record = next;
        count++;
    }
    return count;
}

static void note_outcome(struct store_writer *writer, enum rc rc, int64_t count,
                         const struct diag *diag)
{
    writer->status.durable = rc == RC_OK;
    if (rc == RC_OK) {
        writer->status.written += count;
        writer->status.error[0] = '\0';
    } else {
        writer->status.failed++;
        writer->status.dropped += count;
        (void)span_copy(span_from(diag->text), writer->status.error, sizeof writer->status.error);
    }
}

/* After a rush (the first tick of a thousand pools) the heap would keep what it took. The mutex is
 * held. */
static void give_back(struct store_writer *writer)
{
    if (writer->first != NULL || writer->most_bytes < GIVE_BACK_BYTES)
        return;
    writer->most_bytes = 0;
    uv_mutex_unlock(&writer->mutex);
    (void)malloc_trim(0); /* there may be nothing to give */
    uv_mutex_lock(&writer->mutex);
}

static void run(void *argument)
{
    struct store_writer *writer = argument;

    uv_mutex_lock(&writer->mutex);
    for (;;) {
        while (writer->first == NULL && !writer->stopping)
            uv_cond_wait(&writer->work, &writer->mutex);
        if (writer->first == NULL)
            break;
        struct diag diag = {.code = RC_OK};
        struct record *batch = take_batch(writer);
        const int64_t wall_ns = writer->wall_ns;

        writer->busy = true;
        uv_mutex_unlock(&writer->mutex);
        const enum rc rc = write_batch(writer, batch, wall_ns, &diag);
        const int64_t count = free_batch(batch);

        uv_mutex_lock(&writer->mutex);
        writer->busy = false;
        note_outcome(writer, rc, count, &diag);
        uv_cond_broadcast(&writer->idle);
        give_back(writer);
    }
    uv_mutex_unlock(&writer->mutex);
}

enum rc store_writer_new(struct store *store, struct store_writer **ret, struct diag *diag)
{
    struct store_writer *writer = mem_new(1, sizeof *writer);

    if (writer == NULL)
        return fail(diag, RC_NO_MEMORY, "no memory for the store's thread");
    writer->store = store;
    writer->last = &writer->first;
    writer->status.durable = !store_read_only(store);
    if (uv_mutex_init(&writer->mutex) != 0 || uv_cond_init(&writer->work) != 0 ||
        uv_cond_init(&writer->idle) != 0 || uv_thread_create(&writer->thread, run, writer) != 0) {
        free(writer);
        return fail(diag, RC_NO_MEMORY, "the store's thread cannot be started");
    }
    *ret = writer;
    return RC_OK;
}

void store_writer_free(struct store_writer *writer)
{
    if (writer == NULL)
        return;
    uv_mutex_lock(&writer->mutex);
    writer->stopping = true;
    uv_cond_signal(&writer->work);
    uv_mutex_unlock(&writer->mutex);
    (void)uv_thread_join(&writer->thread); /* fails only for a thread that never was */
    uv_cond_destroy(&writer->work);
    uv_cond_destroy(&writer->idle);
    uv_mutex_destroy(&writer->mutex);
    store_close(writer->store);
    free(writer);
}

void store_writer_flush(struct store_writer *writer)
{
    uv_mutex_lock(&writer->mutex);
    while (writer->first != NULL || writer->busy)
        uv_cond_wait(&writer->idle, &writer->mutex);
    uv_mutex_unlock(&writer->mutex);
}

void store_writer_status(struct store_writer *writer, struct store_writer_status *ret)
{
    uv_mutex_lock(&writer->mutex);
    *ret = writer->status;
    ret->queued_bytes = writer->queued_bytes;
    uv_mutex_unlock(&writer->mutex);
}
