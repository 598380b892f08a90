/* The certificate of the listeners: read at the start, read again when its files change or on
 * SIGHUP, and looked at for its end. What cannot be read changes nothing: the one in use stays, and
 * the reason stands among the conditions (FAULTS 69). */
#include <stdio.h>

#include "base/duration.h"
#include "control/control_internal.h"
#include "io/clock.h"
#include "io/tls.h"

#define EXPIRY_WARN_NS (14 * DAY_NS)
#define LOOKS_AFTER_CHANGE 2 /* chores: the certificate and its key are rarely replaced at once */

static struct tls_files files_of(const struct control *control)
{
    const struct listen_spec *listen = &control->first->config->listen;
    return (struct tls_files){.certificate = listen->tls_certificate,
                              .key = listen->tls_key,
                              .version_min = listen->tls_version};
}

static void tell_loaded(struct control *control)
{
    const int64_t left_ns = tls_expires_wall_ns(control->tls) - clock_wall_ns();
    log_event(control->log, LOG_CERTIFICATE_LOADED, LOG_TEXT("file", files_of(control).certificate),
              LOG_INT("days_left", left_ns / DAY_NS));
}

void certificate_load(struct control *control)
{
    struct diag diag = {0};
    control->certificate_looks = 0;
    if (control->tls == NULL)
        return;
    const struct tls_files files = files_of(control);
    const enum rc rc = tls_server_load(control->tls, &files, &diag);
    condition_set(control, "CertificateRejected", "", rc != RC_OK,
                  "%s; the one before stays in use", diag.text);
    if (rc == RC_OK)
        tell_loaded(control);
    else
        log_event(control->log, LOG_CERTIFICATE_REFUSED, LOG_TEXT("text", diag.text));
    certificate_look(control);
}

static void on_change(void *user)
{
    struct control *control = user;
    control->certificate_looks = LOOKS_AFTER_CHANGE;
}

static void look_at_expiry(struct control *control)
{
    const int64_t left_ns = tls_expires_wall_ns(control->tls) - clock_wall_ns();
    const char *file = files_of(control).certificate;
    condition_set(control, "CertificateExpired", "", left_ns <= 0,
                  "%s has expired: clients refuse it; put a new one in its place", file);
    condition_set(control, "CertificateExpires", "", left_ns > 0 && left_ns < EXPIRY_WARN_NS,
                  "%s is valid for %lld more days: put a new one in its place", file,
                  (long long)(left_ns / DAY_NS));
}

void certificate_look(struct control *control)
{
    if (control->tls == NULL)
        return;
    if (control->certificate_looks > 0 && --control->certificate_looks == 0)
        certificate_load(control);
    else
        look_at_expiry(control);
}

static enum rc watch_files(struct control *control, const struct tls_files *files,
                           struct diag *diag)
{
    const char *path[] = {files->certificate, files->key};
    for (size_t i = 0; control->options.watch && i < COUNT_OF(path); i++) {
        control->certificate_watch[i] =
            file_watch_new(control->loop, path[i], SECOND_NS, on_change, control);
        if (control->certificate_watch[i] == NULL)
            return fail(diag, RC_NO_MEMORY, "no memory to watch %s", path[i]);
    }
    return RC_OK;
}

enum rc certificate_start(struct control *control, struct diag *diag)
{
    const struct tls_files files = files_of(control);
    if (files.certificate[0] == '\0')
        return RC_OK;
    enum rc rc = tls_server_new(&files, &control->tls, diag);
    if (rc == RC_OK)
        rc = watch_files(control, &files, diag);
    if (rc != RC_OK)
        return rc;
    tell_loaded(control);
    certificate_look(control);
    return RC_OK;
}

void certificate_done(struct control *control)
{
    for (size_t i = 0; i < COUNT_OF(control->certificate_watch); i++)
        file_watch_free(control->certificate_watch[i]);
    tls_context_free(control->tls);
}

struct tls_context *control_tls(const struct control *control)
{
    return control->tls;
}
