/* The begin: everything is opened in an order in which nothing needs to be taken back, then told to
 * the control step before its first tick (R10). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/duration.h"
#include "control/control_internal.h"
#include "io/random.h"

#define LOCK_SUFFIX ".lock"

/* ---- state file ---- */

/* One sluice per state file. A folder that cannot be written has no lock; the store says so. */
static enum rc lock_state(struct control *control, struct diag *diag)
{
    char path[TEXT_SIZE + sizeof(LOCK_SUFFIX)];
    (void)snprintf(path, sizeof(path), "%s" LOCK_SUFFIX, control->state_path);
    control->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (control->lock_fd < 0)
        return RC_OK;
    if (flock(control->lock_fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return fail(diag, RC_CONFLICT,
                    "another sluice runs on the state file %s: end it, or give this one another "
                    "file with `state:` or --state",
                    control->state_path);
    return RC_OK;
}

static bool is_installation(const char *text, size_t len)
{
    return len == INSTALLATION_SIZE - 1 && strspn(text, "0123456789abcdef") == len;
}

/* The name that marks our engines. It stands in the lock file, too: engines are found again when
 * the state file is damaged or gone (FAULTS 77). */
static void know_installation(struct control *control, const struct store *store)
{
    char text[INSTALLATION_SIZE] = "";
    ssize_t len = -1;
    if (control->lock_fd >= 0)
        len = pread(control->lock_fd, text, sizeof(text) - 1, 0);
    if (len > 0 && is_installation(text, (size_t)len)) {
        memcpy(control->installation, text, sizeof(text));
        return;
    }
    if (store == NULL ||
        !span_copy(span_from(store_installation(store)), control->installation,
                   sizeof(control->installation)) ||
        !is_installation(control->installation, strlen(control->installation)))
        random_hex((INSTALLATION_SIZE - 1) / 2, control->installation);
    if (control->lock_fd >= 0 &&
        pwrite(control->lock_fd, control->installation, INSTALLATION_SIZE - 1, 0) < 0)
        log_event(control->log, LOG_STATE_NOT_DURABLE, LOG_TEXT("file", control->state_path),
                  LOG_TEXT("text", strerror(errno)));
}

/* Without a store everything goes on in memory (FAULTS 76). */
static enum rc open_store(struct control *control, struct store **ret, struct diag *diag)
{
    struct diag why = {0};
    const enum rc rc = lock_state(control, diag);
    if (rc != RC_OK)
        return rc;
    if (restore_open(control, ret, &why) != RC_OK) {
        log_event(control->log, LOG_STATE_NOT_DURABLE, LOG_TEXT("file", control->state_path),
                  LOG_TEXT("text", why.text));
        (void)span_copy(span_from(why.text), control->store_text, sizeof(control->store_text));
    }
    know_installation(control, *ret);
    return RC_OK;
}

/* ---- targets, gateway, control step ---- */

static enum rc start_targets(struct control *control, struct diag *diag)
{
    const struct targets_config config = {.installation = control->installation,
                                          .folder = control->log_folder,
                                          .log = control->log,
                                          .axis_offset_ns = control->axis_offset_ns,
                                          .news = control_on_news,
                                          .room = control_on_room,
                                          .user = control};
    const enum rc rc = targets_new(control->loop, &config, &control->targets, diag);
    return rc == RC_OK ? targets_configure(control->targets, control->setting->config, diag) : rc;
}

static enum rc start_gateway(struct control *control, struct diag *diag)
{
    const struct listen_spec *listen = &control->setting->config->listen;
    if (listen->gateway[0] == '\0')
        return RC_OK;
    struct gateway_config config;
    gateway_defaults(&config);
    config.server.listen = listen->gateway;
    config.server.tls = control->tls;
    config.seed = random_u64();
    config.log = control->log;
    const enum rc rc = gateway_thread_new(control->loop, &config, loop_fd_budget(control->loop),
                                          control_on_message, control, &control->gateway, diag);
    if (rc != RC_OK)
        return rc;
    log_event(control->log, LOG_LISTENING, LOG_TEXT("what", "gateway"),
              LOG_TEXT("address", listen->gateway),
              LOG_INT("port", gateway_thread_port(control->gateway)));
    reload_gateway(control);
    return RC_OK;
}

static enum rc start_reconcile(struct control *control, struct store *store, struct diag *diag)
{
    control->reconcile =
        reconcile_new(&control->setting->installation->spec, restore_first_id(control, store));
    if (control->reconcile == NULL)
        return fail(diag, RC_NO_MEMORY, "no memory left");
    if (store != NULL)
        restore_all(control, store);
    return RC_OK;
}

static enum rc start_parts(struct control *control, struct store **store, struct diag *diag)
{
    enum rc rc = certificate_start(control, diag);
    if (rc == RC_OK)
        rc = open_store(control, store, diag);
    if (rc == RC_OK)
        rc = start_targets(control, diag);
    if (rc == RC_OK)
        rc = start_gateway(control, diag);
    if (rc == RC_OK)
        rc = start_reconcile(control, *store, diag);
    if (rc == RC_OK)
        rc = reload_watch(control, diag);
    if (rc == RC_OK)
        rc = feed_start(control, diag);
    if (rc != RC_OK)
        return rc;
    restore_scan(control, *store);
    if (*store != NULL)
        rc = store_writer_new(*store, &control->store, diag);
    if (rc == RC_OK)
        *store = NULL; /* the writer's now */
    return rc;
}

enum rc start_all(struct control *control, struct diag *diag)
{
    struct store *store = NULL;
    const enum rc rc = start_parts(control, &store, diag);
    if (rc != RC_OK) {
        store_close(store);
        return rc;
    }
    history_config(control, control->setting->config);
    history_ids(control, control->ids_reserved);
    if (control->gateway != NULL)
        control_event(control, &(struct event){.kind = EVENT_GATEWAY, .up = true});
    control_tell_known(control);
    timer_after(&control->chore, CHORES_EVERY_NS);
    return RC_OK;
}
