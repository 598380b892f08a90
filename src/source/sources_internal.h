/* sources_internal.h - what the files of the set share. Not for kinds of sources. */
#ifndef SLUICE_SOURCE_SOURCES_INTERNAL_H
#define SLUICE_SOURCE_SOURCES_INTERNAL_H

#include "source/source.h"

struct sources {
    struct loop *loop;
    struct sources_config config;
    struct http_client *client;
    struct web_client *web; /* made when it is needed */
    const struct config *spec;
    struct source_spec *implied[SOURCE_KIND_COUNT]; /* of all that nobody wrote; made when needed */
    struct source **source;                         /* in the order of the pools */
    size_t count;
    size_t cap;
};

const struct source_ops *source_ops_of(enum source_kind kind); /* NULL: not in this build */
void round_begin_soon(struct source *s);
/* Ends what runs, without an answer. */
void round_drop(struct source *s);
void round_timer(void *source); /* of struct source.timer */

#endif
