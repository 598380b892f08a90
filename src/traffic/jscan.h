/* jscan.h - incremental JSON scanner without a tree: bytes in, split anywhere, and a call for each
 * value that stands at a place named by a schema. For bodies that only pass through.
 *
 * Grammar is checked as far as it decides where a value stands (brackets, colons, commas, string
 * ends, escapes); UTF-8 and the inside of numbers are the reader's business. Depth is bounded by
 * JSCAN_DEPTH_MAX, captured text by the schema. Nothing is allocated. */
#ifndef SLUICE_TRAFFIC_JSCAN_H
#define SLUICE_TRAFFIC_JSCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

#define JSCAN_DEPTH_MAX 64
#define JSCAN_CAPTURE_MAX 255 /* bytes kept of a string or number */
#define JSCAN_KEY_MAX 40      /* longer member names match nothing */

/* A schema is an array of nodes; node 0 is "nobody cares", node 1 the top-level value. */
struct jscan_edge {
    const char *key;
    uint8_t key_len;
    uint8_t node;
    bool any_case; /* key is in lower case, members match in any */
};
#define JSCAN_EDGE(key_, node_)                                                                    \
    {                                                                                              \
        .key = (key_), .key_len = sizeof(key_) - 1, .node = (node_)                                \
    }
#define JSCAN_EDGE_ANY_CASE(key_, node_)                                                           \
    {                                                                                              \
        .key = (key_), .key_len = sizeof(key_) - 1, .node = (node_), .any_case = true              \
    }
struct jscan_node {
    const struct jscan_edge *edges; /* members by name */
    uint8_t edge_count;
    uint8_t other;   /* node of members of other names */
    uint8_t element; /* node of array elements */
    uint8_t capture; /* bytes of a string or number to keep */
    bool report;     /* call on_value */
};

enum jscan_kind {
    JSCAN_STRING,
    JSCAN_NUMBER,
    JSCAN_TRUE,
    JSCAN_FALSE,
    JSCAN_NULL,
    JSCAN_OBJECT, /* reported at its end */
    JSCAN_ARRAY,  /* reported at its end */
};

struct jscan_value {
    uint8_t node;
    enum jscan_kind kind;
    bool cut;         /* text is longer than what was captured */
    struct span text; /* string: decoded; number: as written; valid during the call */
    uint64_t len;     /* string: decoded bytes; array, object: how many inside */
    uint64_t start;   /* offset in the stream of the first byte (string: its quote) */
    uint64_t end;     /* offset after the last byte (string: after its quote) */
};
typedef void jscan_value_fn(void *context, const struct jscan_value *value);

enum jscan_state { JSCAN_MORE, JSCAN_DONE, JSCAN_BROKEN, JSCAN_DEEP };

struct jscan {
    const struct jscan_node *nodes;
    uint64_t offset; /* bytes consumed */
    uint64_t start;  /* of the current scalar */
    uint64_t len;    /* of the current string */
    uint64_t arrays; /* bit per depth: 1 = array */
    uint32_t count[JSCAN_DEPTH_MAX];
    uint64_t open_at[8];           /* offsets of open containers of the first levels */
    uint8_t node[JSCAN_DEPTH_MAX]; /* node of the container at each depth */
    uint8_t depth;
    uint8_t value_node; /* of the value to come or under way */
    uint8_t mode;
    uint8_t escape_left; /* hexadecimal digits to come */
    uint8_t literal_pos;
    uint16_t escape_unit;
    uint16_t surrogate; /* high half waiting for its low half */
    bool is_key;
    bool scalar_top;
    uint16_t text_len;
    uint16_t text_max;
    const char *literal;
    char text[JSCAN_CAPTURE_MAX + 1];
};

void jscan_init(struct jscan *scan, const struct jscan_node *nodes);
/* Consumes all bytes unless broken. After JSCAN_DONE only white space may follow. Calls on_value
 * during the call. */
enum jscan_state jscan_feed(struct jscan *scan, const char *bytes, size_t len,
                            jscan_value_fn *on_value, void *context);
/* End of input: completes a top-level number. */
enum jscan_state jscan_end(struct jscan *scan, jscan_value_fn *on_value, void *context);

/* Whole number of a captured text ("12", "1e3", "12.7" gives 12), clamped to [0, max]; -1 when it
 * is none. */
int64_t jscan_int(struct span text, int64_t max);

#endif
