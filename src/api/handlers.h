/* handlers.h - what routes call; one name a row of routes.def. */
#ifndef SLUICE_API_HANDLERS_H
#define SLUICE_API_HANDLERS_H

#include "api/api_internal.h"
#include "api/views.h"

#define API_ROUTE(method, pattern, access, fn, params, body, type, shape, help)                    \
    void handle_##fn(struct api_call *call);
#include "api/routes.def"
#undef API_ROUTE

extern const struct api_param params_replicas[], params_logs[], params_decisions[], params_why[],
    params_events[], params_history[], params_metrics[], params_diagnosis[], params_recent[];

#endif
