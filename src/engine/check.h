/* check.h - checks an answer of an emulated engine byte by byte while it arrives: text, order of
 * events, end mark, usage.
 *
 * Pure: bytes in, verdict out. A frame of one stream event or one whole body at a time is kept. */
#ifndef SLUICE_ENGINE_CHECK_H
#define SLUICE_ENGINE_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/rc.h"
#include "base/tree.h"
#include "engine/answer.h"

#define CHECK_LINE_BYTES_MAX (1U << 20)
#define CHECK_BODY_BYTES_MAX (64U << 20)
#define CHECK_WHY_MAX 160

struct check;

struct check_api {
    const char *name; /* "chat" */
    const char *path;
    const char *text_begin; /* request body: from the model's name to the prompt's text */
    const char *text_end;   /* and behind it */
    const char *length;     /* member that sets the length; "options" when nested in that */
    bool lines;             /* one JSON object a line instead of server-sent events */
    bool done_mark;         /* a stream ends with "data: [DONE]" */
    void (*event)(struct check *check, const struct tree *event);
    void (*whole)(struct check *check, const struct tree *body);
};
extern const struct check_api check_apis[];
extern const size_t check_api_count;
#define CHECK_API_NAMES "chat|completions|messages|ollama-chat|ollama-generate"

enum check_verdict {
    CHECK_OK,
    CHECK_WRONG, /* something other than the right answer came */
    CHECK_LOST,  /* the answer is not whole, or an error came in its place */
};

struct check {
    const struct check_api *api;
    uint64_t key;
    int64_t prompt_tokens;
    int64_t output_tokens;
    bool stream;
    bool usage;   /* asked for, so it must be there */
    bool content; /* compare the text; otherwise only form, end and usage */

    struct buf line; /* a line of a stream, or the whole body */
    enum check_verdict verdict;
    char why[CHECK_WHY_MAX];
    int64_t tokens;      /* that have come completely */
    int64_t text_events; /* events with text: tokens of engines whose text is not known */
    size_t token_at;     /* bytes of the next one that have come */
    char token[ANSWER_TOKEN_MAX];
    size_t token_len;
    bool finished; /* a finish reason came */
    bool usage_seen;
    bool done; /* the end mark came */
};

/* Takes the parameters set in *check by the caller; clears the rest. */
void check_init(struct check *check);
void check_done(struct check *check);
/* Takes a piece of the body. Returns the tokens that it completed. */
int64_t check_feed(struct check *check, struct span bytes, struct arena *arena);
/* The body ended as it should. Returns the verdict. */
enum check_verdict check_end(struct check *check, struct arena *arena);

/* For the protocols. */
void check_fail(struct check *check, enum check_verdict verdict, const char *format, ...)
    PRINTF_LIKE(3, 4);
void check_text(struct check *check, struct span text);
void check_count(struct check *check, const char *name, const struct tree *node, int64_t expected);

#endif
