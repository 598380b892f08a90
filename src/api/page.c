/* page.c - GET /: how every pool is, as a plain page without scripts. */
#include "api/handlers.h"
#include "api/pool_view.h"

static const char head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width\"><meta http-equiv=\"refresh\" "
    "content=\"5\"><title>Sluice</title><style>"
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem;max-width:70rem;color-scheme:light dark}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0 2rem}"
    "th,td{text-align:left;padding:.25rem .75rem .25rem 0;border-bottom:1px solid #8884}"
    "td.n,th.n{text-align:right}</style></head><body><h1>Sluice</h1>\n";
static const char table_head[] =
    "<tr><th>Replica<th>State<th>Phase<th>Address<th class=\"n\">In flight<th>Why</tr>\n";

#define PAGE_POOLS_MAX 200

static const char *const escapes[128] = {
    ['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&quot;"};

static void put(struct buf *out, const char *text)
{
    for (; text != NULL && *text != '\0'; text++) {
        const char *escape = (unsigned char)*text < 128 ? escapes[(unsigned char)*text] : NULL;
        if (escape != NULL)
            buf_text(out, escape);
        else
            buf_byte(out, *text);
    }
}

static void put_replica(struct buf *out, const struct replica_row *row)
{
    buf_printf(out, "<tr><td>%llu<td>", (unsigned long long)row->id);
    put(out, replica_state_name(row->state));
    buf_text(out, "<td>");
    if (row->state == REPLICA_STARTING)
        put(out, replica_phase_name(row->phase));
    buf_text(out, "<td>");
    if (row->host[0] != '\0') {
        put(out, row->host);
        buf_printf(out, ":%u", (unsigned)row->port);
    }
    buf_printf(out, "<td class=\"n\">%lld<td>", (long long)row->in_flight_requests);
    put(out, row->text);
    buf_text(out, "</tr>\n");
}

static void put_pool(struct api_call *call, size_t pool, struct pool_bundle *bundle)
{
    const struct reconcile *reconcile = control_reconcile(call->api->control);
    const struct replica_row *row;
    struct buf *out = &call->out;
    pool_fill(bundle, call->api->control, pool);
    buf_text(out, "<h2>");
    put(out, bundle->view.name);
    buf_text(out, "</h2>\n<p>");
    put(out, bundle->sentence);
    if (bundle->view.decision != NULL) {
        buf_text(out, "<br>Last decision: ");
        put(out, bundle->decision.words);
    }
    buf_text(out, "</p>\n<table>");
    buf_text(out, table_head);
    for (size_t i = 0; (row = reconcile_replica_at(reconcile, i)) != NULL; i++)
        if (row->pool == pool)
            put_replica(out, row);
    buf_text(out, "</table>\n");
}

static void put_conditions(struct api_call *call)
{
    const struct condition *condition;
    const size_t count = control_condition_count(call->api->control);
    buf_text(&call->out, count > 0 ? "<h2>Conditions</h2>\n<ul>" : "<p>No conditions.</p>");
    for (size_t i = 0; (condition = control_condition(call->api->control, i)) != NULL; i++) {
        buf_text(&call->out, "<li>");
        put(&call->out, condition->name);
        buf_text(&call->out, condition->pool[0] != '\0' ? " of " : "");
        put(&call->out, condition->pool);
        buf_text(&call->out, ": ");
        put(&call->out, condition->text);
        buf_text(&call->out, "</li>\n");
    }
    buf_text(&call->out, count > 0 ? "</ul>\n" : "\n");
}

void handle_page(struct api_call *call)
{
    const size_t pools = reconcile_pool_count(control_reconcile(call->api->control));
    struct pool_bundle bundle;
    buf_text(&call->out, head);
    put_conditions(call);
    for (size_t i = 0; i < pools && i < PAGE_POOLS_MAX; i++)
        put_pool(call, i, &bundle);
    if (pools > PAGE_POOLS_MAX)
        buf_printf(&call->out, "<p>and %zu more pools</p>\n", pools - PAGE_POOLS_MAX);
    buf_text(&call->out, "<p><a href=\"/metrics\">metrics</a> "
                         "<a href=\"/api/v1/openapi.json\">API</a></p></body></html>\n");
    call_answer_text(call, 200, "text/html; charset=utf-8");
}
