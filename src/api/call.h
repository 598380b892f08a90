/* call.h - one request to the API while it is worked on, and the ways to answer it. */
#ifndef SLUICE_API_CALL_H
#define SLUICE_API_CALL_H

#include "api/api.h"
#include "api/shape.h"
#include "io/http_server.h"
#include "io/route.h"

/* What needs more stands behind what needs less. */
enum api_access {
    ACCESS_OPEN,    /* anybody who reaches it: liveness */
    ACCESS_READ,    /* shows; asks for the token when there is one */
    ACCESS_SIGNED,  /* brings a signature of its own; wrong ones at a bounded rate */
    ACCESS_OPERATE, /* changes; the same, from the same origin, at a bounded rate, written down */
    ACCESS_ADMIN,   /* changes sluice itself: with adminToken alone */
};

/* A parameter of the query. */
struct api_param {
    const char *name;
    const char *type;    /* of JSON schema: "string", "integer", "boolean" */
    const char *example; /* as in the query */
    const char *help;
};

struct api_call;
typedef void api_fn(struct api_call *call);

/* What an answer is made of. */
struct api_answer {
    const char *type;          /* content type; NULL = application/json */
    const struct shape *shape; /* of JSON; NULL = an object as its help says */
};

struct api_route {
    const char *method;
    const char *pattern;
    enum api_access access;
    api_fn *fn;
    const struct api_param *params; /* ends with a NULL name; NULL = none */
    const struct shape *body;       /* NULL = none */
    struct api_answer answer;
    const char *help;
};
extern const struct api_route api_routes[];
extern const size_t api_route_count;

struct api_call {
    struct api *api;
    struct http_request *request; /* NULL: the client is gone; the call ends when it is answered */
    const struct api_route *route;
    struct route_match match;
    struct arena arena; /* of this call */
    struct buf out;
    struct json_writer w;
    struct buf received;     /* bytes of the body */
    const struct tree *body; /* of a route with a body */
    char who[160];           /* for the audit line */
    struct api_call *next;   /* among those that wait for somebody else's word */
    struct api_call **place; /* what points here; NULL = it does not wait */
};

/* Every call is answered exactly once by one of these; the call is gone then. */
void call_answer(struct api_call *call, int status);             /* JSON in call->out */
void call_answer_shape(struct api_call *call, const void *view); /* by the shape of the route */
void call_answer_text(struct api_call *call, int status, const char *type); /* call->out */
/* Something for a browser: with a policy that lets our own scripts and style in; further
 * "name: value\r\n" lines. */
void call_answer_page(struct api_call *call, int status, const char *type, const char *lines);
void call_error(struct api_call *call, const struct shape_problem *problem);
/* With another status than that of its code, and further "name: value\r\n" lines. */
void call_refuse(struct api_call *call, int status, const char *lines,
                 const struct shape_problem *problem);
/* code chooses the status; place and value may be NULL. */
void call_failure(struct api_call *call, enum rc code, const char *place, const char *value,
                  const char *format, ...) PRINTF_LIKE(5, 6);
void call_failure_diag(struct api_call *call, const struct diag *diag);
/* Ends a call whose client is gone, or whose request was taken over by somebody else. */
void call_end(struct api_call *call);

int call_status(enum rc code);
void call_print_error(const struct shape_problem *problem, struct json_writer *w);

/* The index-th {name} of the pattern, decoded; an empty text when it cannot be. In the arena. */
const char *call_part(struct api_call *call, size_t index);
/* As a decimal number above 0. */
bool call_part_id(struct api_call *call, size_t index, uint64_t *ret);
/* A parameter of the query, decoded; NULL when it is not there. */
const char *call_param(struct api_call *call, const char *name);
/* False: the call was answered with an error. Absent ones leave *ret alone. */
bool call_param_int(struct api_call *call, const char *name, int64_t low, int64_t high,
                    int64_t *ret);
/* `last`: the last instant that prints as this time, for an end. */
bool call_param_time(struct api_call *call, const char *name, bool last, int64_t *ret_wall_ns);
bool call_param_bool(struct api_call *call, const char *name, bool *ret);
/* The pool that part `index` names. False: answered with an error that names the nearest one. */
bool call_pool(struct api_call *call, size_t index, size_t *ret_pool);
bool call_pool_named(struct api_call *call, const char *place, const char *name, size_t *ret_pool);
/* Reads the body by the route's shape into *ret. False: answered with an error. */
bool call_body(struct api_call *call, void *ret);

#endif
