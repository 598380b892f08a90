/* control.h - the shell around the control step: one object that holds configuration, store,
 * targets, gateways and sources of one installation, feeds their news to reconcile and carries out
 * what it answers.
 *
 * It decides nothing. One thread: that of the loop; gateways run on threads of their own and go on
 * when this one stands still (R12). */
#ifndef SLUICE_CONTROL_CONTROL_H
#define SLUICE_CONTROL_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/rc.h"
#include "config/config.h"
#include "io/log.h"
#include "io/loop.h"
#include "reconcile/reconcile.h"

struct control;
struct gateway_thread;
struct sources;
struct targets;
struct store_writer;
struct tls_context;

/* Reads the configuration again; NULL exactly when problems->errors > 0 afterwards. */
typedef struct config *control_read_fn(void *user, struct problem_list *problems);

struct control_options {
    const char *label; /* of the configuration, in logs */
    char *const *file; /* where it came from */
    size_t file_count; /* 0 = nowhere: it never changes */
    const char *state; /* store file; NULL = as the configuration says */
    const struct log *log;
    control_read_fn *read;
    void *read_user;
    bool watch;     /* look at the files every second */
    bool sandboxed; /* no program can be started any more */
};

/* Takes config (freed with the object). Opens the store, adopts engines that run, starts gateways;
 * the first tick comes in the next loop turn. RC_IO and others when a listener or every store
 * fails; nothing is left running then. */
enum rc control_new(struct loop *loop, struct config *config, const struct control_options *options,
                    struct control **ret, struct diag *diag) MUST_CHECK;
/* Engines go on running unless control_shutdown() ended them. */
void control_free(struct control *control);

/* Reads the file again: applied whole or not at all. The outcome is logged and kept for the API;
 * storms of calls are one (FAULTS 81). */
void control_reload(struct control *control);
/* Takes no new requests, lets running ones end (at most drain_ns), then stops engines unless
 * `keep_engines`; done is called once. A second call hurries. */
typedef void control_done_fn(void *user);
void control_shutdown(struct control *control, bool keep_engines, int64_t drain_ns,
                      control_done_fn *done, void *user);

/* An operator's word (pin, pause, stop a replica), with who said it for the audit line. Errors of
 * reconcile_event(). Survives a restart. */
enum rc control_operate(struct control *control, const struct event *event, const char *who,
                        struct diag *diag) MUST_CHECK;

/* Writes down an order that does not go through control_operate(), as a reload. */
void control_audit(struct control *control, const char *who, const char *what, const char *pool,
                   const char *text);

/* ---- reading: for the API ---- */
const struct reconcile *control_reconcile(const struct control *control);
const struct config *control_config(const struct control *control);
struct targets *control_targets(const struct control *control);
/* GPUs with what holds them and what sources measure of them: members of an open object. */
void control_inventory(const struct control *control, struct json_writer *w);
struct sources *control_sources(const struct control *control);
struct gateway_thread *control_gateway(const struct control *control);
struct store_writer *control_store(const struct control *control);
/* Of the listeners; NULL: they speak plain HTTP. */
struct tls_context *control_tls(const struct control *control);
const char *
control_state_path(const struct control *control);         /* to open it a second time, reading */
int64_t control_generation(const struct control *control); /* of the configuration, from 1 */
int64_t control_step_ns(const struct control *control);    /* that the action being told took */
/* Money of a pool: since the start, and today (UTC) with what earlier runs spent. NAN = unknown. */
struct control_money {
    double since_start;
    double today;
};
struct control_money control_money(const struct control *control, size_t group, size_t in_group);
int64_t control_now_ns(const struct control *control); /* on the axis of the groups */
int64_t control_wall_ns(const struct control *control);
int64_t control_started_wall_ns(const struct control *control);

/* What is not as it should be, each with a stable name: "StateNotDurable", "ConfigRejected",
 * "GatewaySilent", "CrashLoop", ... */
struct condition {
    char name[NAME_SIZE];
    char pool[NAME_SIZE]; /* "" = the whole installation */
    int64_t since_wall_ns;
    char text[TEXT_SIZE];
};
size_t control_condition_count(const struct control *control);
const struct condition *control_condition(const struct control *control, size_t index);

/* Told after each tick record and each note was handed on: for server-sent events. One listener. */
typedef void control_action_fn(void *user, const struct action *action);
void control_listen(struct control *control, control_action_fn *fn, void *user);

#endif
