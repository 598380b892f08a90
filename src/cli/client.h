/* client.h - how commands talk to the API of a running sluice: where it is, its token, one request
 * and its answer as a tree, and errors in words. */
#ifndef SLUICE_CLI_CLIENT_H
#define SLUICE_CLI_CLIENT_H

#include "base/limits.h"
#include "base/mem.h"
#include "base/tree.h"
#include "cli/command.h"

#define CLIENT_ADDRESS_DEFAULT "127.0.0.1:8081"
#define CLIENT_TIMEOUT_NS (30 * SECOND_NS)

/* Options of every command that talks to a running sluice: the first member of its own. */
struct client_options {
    const char *admin;
    const char *config;
    const char *token_file;
    bool json;
};
#define CLIENT_ROWS                                                                                \
    CLI_OPT(TEXT, struct client_options, admin, "admin", "HOST:PORT", NULL, 0, 0,                  \
            "Where the API of the running sluice is, with https:// before it where it speaks "     \
            "TLS; else $SLUICE_ADMIN, or as --config says, or 127.0.0.1:8081."),                   \
        CLI_OPT(TEXT, struct client_options, config, "config", "FILE", NULL, 0, 0,                 \
                "Take address and token from this configuration."),                                \
        CLI_OPT(TEXT, struct client_options, token_file, "token-file", "FILE", NULL, 0, 0,         \
                "Holds the token; else $SLUICE_TOKEN, or as --config says."),                      \
        CLI_SWITCH(struct client_options, json, "json", "Print the answer of the API as it is.")

struct client {
    char address[TEXT_SIZE]; /* HOST:PORT */
    bool tls;
    char trust[TEXT_SIZE]; /* file with the certificate to expect; "" = the system's trust */
    char token[TEXT_SIZE]; /* wiped by client_done() */
};
enum rc client_init(struct client *client, const struct client_options *options,
                    struct diag *diag) MUST_CHECK;
void client_done(struct client *client);

struct client_answer {
    struct arena arena;
    struct buf body;
    const struct tree *json;
};
/* path: "/api/v1/..." with its query, encoded; body: JSON, ptr NULL = none. RC_OK: the answer was
 * 2xx and JSON. Otherwise diag tells a person what to do; RC_REFUSED: nothing listens there. The
 * answer must be released in every case. */
enum rc client_call(const struct client *client, const char *method, const char *path,
                    struct span body, struct client_answer *ret, struct diag *diag) MUST_CHECK;
/* GET of something that is no JSON: the text is in ret->body. Otherwise as client_call(). */
enum rc client_read(const struct client *client, const char *path, struct client_answer *ret,
                    struct diag *diag) MUST_CHECK;
void client_answer_done(struct client_answer *answer);
/* Appends "%..." encoded: for names in paths and queries. */
void client_encode(struct buf *path, const char *text);

/* One call for a command from begin to end: prints errors; with --json prints the answer, else
 * hands it to `show`. Returns the exit code. */
typedef void client_show_fn(void *user, const struct tree *json);
int client_run(const struct command_ops *command, const struct client_options *options,
               const char *method, const char *path, struct span body, client_show_fn *show,
               void *user);
/* What a "Done" answer says, as a line. */
void client_show_done(void *user, const struct tree *json);

/* ---- reading answers; members by dotted path ---- */

struct span client_text(const struct tree *json, const char *path); /* "" when unknown */
int64_t client_int(const struct tree *json, const char *path);      /* 0 when unknown */
double client_number(const struct tree *json, const char *path);    /* NAN when unknown */
bool client_bool(const struct tree *json, const char *path);        /* false when unknown */
bool client_known(const struct tree *json, const char *path);       /* there, and not null */

#endif
