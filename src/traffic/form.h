/* form.h - the fields `model` and `stream` of an HTML form that passes by (multipart/form-data or
 * urlencoded), split anywhere; files inside are crossed, never kept. */
#ifndef SLUICE_TRAFFIC_FORM_H
#define SLUICE_TRAFFIC_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

#define FORM_LINE_MAX 512    /* bytes kept of a part's header line or of a value */
#define FORM_BOUNDARY_MAX 70 /* RFC 2046 */

enum peek_format { PEEK_NONE, PEEK_JSON, PEEK_MULTIPART, PEEK_URLENCODED };

enum peek_state {
    PEEK_MORE,   /* feed on */
    PEEK_DONE,   /* the body is complete as its grammar goes */
    PEEK_BROKEN, /* damaged or too deep; what was found stands */
};

struct form {
    bool urlencoded;
    uint8_t mode;
    uint8_t field; /* of interest, 0 = none */
    bool long_line;
    bool after_crlf; /* the line before this one ended in CR LF: a boundary may stand here */
    bool has_value;
    bool no_value;        /* more than one line or too long: no name of a model */
    uint64_t offset;      /* of the bytes fed so far */
    uint64_t line_start;  /* offset of form->line in the body */
    uint64_t value_start; /* as form->value */
    uint16_t boundary_len;
    uint16_t line_len;
    uint16_t value_len;
    char boundary[FORM_BOUNDARY_MAX + 2]; /* with its two leading dashes */
    char line[FORM_LINE_MAX];
    char value[FORM_LINE_MAX];
};

/* name is "model" or "stream"; an unusable value (too long, several lines) comes as an empty one.
 * `start` is its offset in the body where its bytes stand there as they are, FORM_NO_PLACE in an
 * urlencoded one. */
#define FORM_NO_PLACE UINT64_MAX
typedef void form_field_fn(void *context, const char *name, struct span value, uint64_t start);

/* False when the boundary is missing or longer than RFC 2046 allows. */
bool form_init(struct form *form, enum peek_format format, struct span content_type);
enum peek_state form_feed(struct form *form, const char *bytes, size_t len, form_field_fn *on_field,
                          void *context);
enum peek_state form_end(struct form *form, form_field_fn *on_field, void *context);

#endif
