/* wire.h - the client protocols of the emulated engine: one row of operations each, in
 * wire_FAMILY.c.
 *
 * Everything here turns an answer into bytes and knows nothing of sockets or time. */
#ifndef SLUICE_ENGINE_WIRE_H
#define SLUICE_ENGINE_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/rc.h"
#include "base/tree.h"
#include "engine/answer.h"

/* One request as the engine understood it and the answer that follows from it. */
struct answer {
    char id[TEXT_SIZE]; /* of the request */
    char model[TEXT_SIZE];
    char tool[NAME_SIZE]; /* function to call; empty: text */
    uint64_t key;
    int64_t prompt_tokens;
    int64_t cached_tokens;
    int64_t output_tokens;
    bool limited; /* the client set the length, so it ends with "length" */
    bool stream;
    bool include_usage;
    int64_t created_ns; /* wall clock */
};

/* Names of what a protocol calls things in its request. */
struct wire_request {
    const char *limits[3]; /* members that set the length, NULL-terminated; "a.b" for nested ones */
    const char *texts[3];  /* members that hold prompt text */
    bool stream_default;
};

struct wire {
    const char *path;
    const char *stream_type; /* media type of a stream */
    struct wire_request request;
    void (*open)(const struct answer *answer, struct buf *out);
    void (*token)(const struct answer *answer, int64_t index, struct buf *out);
    void (*close)(const struct answer *answer, struct buf *out);
    void (*whole)(const struct answer *answer, struct buf *out);
    void (*error)(int status, const char *message, struct buf *out);
};

extern const struct wire *const wires[];
extern const size_t wire_count;
const struct wire *wire_find(struct span path); /* NULL when unknown */

struct wire_defaults {
    int64_t output_tokens; /* when the client sets no length */
    int64_t output_max;
    const char *model;
};
/* Reads a request body. `header_id` is the value of x-request-id or empty: then the member
 * request_id, else `made_id` names the answer. RC_SYNTAX, RC_INVALID, RC_MISSING. */
enum rc wire_read(const struct wire *wire, struct span body, struct span header_id,
                  struct span made_id, const struct wire_defaults *defaults, struct answer *ret,
                  struct diag *diag) MUST_CHECK;

/* Helpers of the protocols. */
size_t wire_text(const struct answer *answer, int64_t index, char ret_text[ANSWER_TOKEN_MAX]);
void wire_json_tokens(const struct answer *answer, struct json_writer *w); /* all, as one string */
void wire_error_openai(int status, const char *message, struct buf *out);

extern const struct wire wire_chat;
extern const struct wire wire_completions;
extern const struct wire wire_messages;
extern const struct wire wire_ollama_chat;
extern const struct wire wire_ollama_generate;

#endif
