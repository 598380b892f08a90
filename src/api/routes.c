/* routes.c - the table of routes, and the parameters that they take. */
#include "api/handlers.h"

#define PARAMS_END                                                                                 \
    {                                                                                              \
        .name = NULL                                                                               \
    }

const struct api_param params_replicas[] = {
    {"limit", "integer", "100", "At most so many; 1000 when not said."},
    {"after", "integer", "17", "Those with larger ids."},
    {"state", "string", "ready", "Those in this state."},
    PARAMS_END,
};
const struct api_param params_logs[] = {
    {"lines", "integer", "100", "The last lines, at most 10000; 100 when not said."},
    {"from", "integer", "5312", "Instead: what stands behind so many bytes, at most 1 MiB of it."},
    PARAMS_END,
};
const struct api_param params_decisions[] = {
    {"from", "string", "2026-11-24T08:15:00Z", "Not before this time; or 10m: ten minutes ago."},
    {"to", "string", "2026-11-24T09:00:00Z", "Not after this time."},
    {"limit", "integer", "20", "At most so many; 100 when not said."},
    {"changed", "boolean", "true", "Only those that changed or blocked something."},
    {"pool", "string", "chat", "Those of the group of this pool."},
    PARAMS_END,
};
const struct api_param params_why[] = {
    {"at", "string", "2026-11-24T08:15:00Z",
     "The decision in force at this time; or 10m: ten minutes ago."},
    PARAMS_END,
};
const struct api_param params_metrics[] = {
    {"names", "string", "neuronetes", "Also the names of the AgentPool guide."},
    PARAMS_END,
};
const struct api_param params_history[] = {
    {"from", "string", "7d", "Not before this time; a day ago when not said."},
    {"to", "string", "2026-11-24T09:00:00Z", "Not after this time."},
    {"pool", "string", "chat", "Those of this pool."},
    {"limit", "integer", "1440", "At most so many; 10000 when not said."},
    PARAMS_END,
};
const struct api_param params_diagnosis[] = {
    {"from", "string", "30m",
     "Since when: a time, or so long ago; an hour when not said, two are recorded in full."},
    PARAMS_END,
};
const struct api_param params_recent[] = {
    {"from", "string", "1m", "Not before this time; or 1m: a minute ago."},
    PARAMS_END,
};
const struct api_param params_events[] = {
    {"from", "string", "1h", "Not before this time."},
    {"limit", "integer", "20", "At most so many; 100 when not said."},
    {"pool", "string", "chat", "Those of this pool."},
    PARAMS_END,
};

#define JSON NULL /* a content type that goes without saying */

const struct api_route api_routes[] = {
#define API_ROUTE(method_, pattern_, access_, fn_, params_, body_, type_, shape_, help_)           \
    {.method = (method_),                                                                          \
     .pattern = (pattern_),                                                                        \
     .access = ACCESS_##access_,                                                                   \
     .fn = handle_##fn_,                                                                           \
     .params = (params_),                                                                          \
     .body = (body_),                                                                              \
     .answer = {(type_), (shape_)},                                                                \
     .help = (help_)},
#include "api/routes.def"
#undef API_ROUTE
};
const size_t api_route_count = COUNT_OF(api_routes);
