/* http1_fields.h - what the headers mean together: framing, Host, connection. Private to the
 * parser. */
#ifndef SLUICE_IO_HTTP1_FIELDS_H
#define SLUICE_IO_HTTP1_FIELDS_H

#include "io/http1.h"

/* Collected while the headers go by. */
struct http_facts {
    struct span host;
    struct span authority; /* of an absolute target, without userinfo; ptr NULL otherwise */
    bool authority_tls;
    bool fragment; /* a '#' in the target */
    bool has_host;
    bool has_length;
    bool has_coding;
    bool coding_other; /* some coding is not chunked */
    bool chunked_seen;
    bool chunked_last;
    bool close;
    bool keep_alive;
    bool upgrade_listed; /* "upgrade" among the options of Connection */
};

/* One header; only those that matter change anything. */
enum http_refusal http_field_note(const struct http_header *field, struct http_facts *facts,
                                  struct http_head *head) MUST_CHECK;
/* Splits and checks the target by its form; fills path, query and the authority. */
enum http_refusal http_target_split(struct http_head *head, struct http_facts *facts) MUST_CHECK;
/* After the last header. */
enum http_refusal http_request_finish(const struct http_facts *facts,
                                      struct http_head *head) MUST_CHECK;
enum http_refusal http_response_finish(const struct http_facts *facts, struct span request_method,
                                       struct http_head *head) MUST_CHECK;

#endif
