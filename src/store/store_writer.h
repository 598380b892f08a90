/* store_writer.h - a thread of its own for the store, behind a bounded queue: SQLite never stands
 * in the way of a tick.
 *
 * The calls copy what they are given and return at once, from any thread. What comes while the
 * queue is full is dropped and counted. A batch that fails is dropped, counted and said; until one
 * succeeds the state is "not durable" (FAULTS 76) and everything goes on in memory. */
#ifndef SLUICE_STORE_STORE_WRITER_H
#define SLUICE_STORE_STORE_WRITER_H

#include "store/store.h"

#define STORE_QUEUE_BYTES_MAX (64U << 20)
#define STORE_BATCH_MAX 256
#define STORE_PRUNE_EVERY_NS (INT64_C(600) * 1000000000)

struct store_writer;

/* Takes the store; it is closed by store_writer_free(). */
enum rc store_writer_new(struct store *store, struct store_writer **ret,
                         struct diag *diag) MUST_CHECK;
/* Writes what is queued (tried once), ends the thread, closes the store. NULL is fine. */
void store_writer_free(struct store_writer *writer);

/* RC_LIMIT: dropped and counted; RC_NO_MEMORY likewise. */
enum rc store_writer_tick(struct store_writer *writer, const struct store_tick *tick);
enum rc store_writer_state(struct store_writer *writer, const char *group, uint64_t config_hash,
                           int64_t now_ns, struct span bytes);
enum rc store_writer_config(struct store_writer *writer, uint64_t hash, const char *name,
                            struct span text);
/* An empty json deletes the document. */
enum rc store_writer_document(struct store_writer *writer, const char *kind, const char *key,
                              struct span json);
enum rc store_writer_series(struct store_writer *writer, enum store_series series, const char *pool,
                            int64_t wall_ns, struct span json);
enum rc store_writer_bill(struct store_writer *writer, const struct store_bill *bill);
enum rc store_writer_event(struct store_writer *writer, const struct store_event *event);

/* Waits until everything queued so far was written or has failed. */
void store_writer_flush(struct store_writer *writer);

struct store_writer_status {
    bool durable;    /* the last batch reached the file */
    int64_t written; /* records, since the start */
    int64_t dropped;
    int64_t failed; /* batches */
    size_t queued_bytes;
    char error[320]; /* of the last failure; "" when durable */
};
void store_writer_status(struct store_writer *writer, struct store_writer_status *ret);

#endif
