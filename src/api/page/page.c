/* page.c - GET /: the dashboard as it stands now, whole without a script. The scripts of web/ keep
 * it current and add charts; they find the places of values by the names written here. */
#include "api/page/page_parts.h"

#include "api/handlers.h"
#include "gateway/gateway_thread.h"
#include "target/target.h"

static const char head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n"
    "<title>Sluice</title>\n"
    "<link rel=\"icon\" href=\"/assets/icon.svg\" type=\"image/svg+xml\">\n"
    "<link rel=\"stylesheet\" href=\"/assets/uplot.css\">\n"
    "<link rel=\"stylesheet\" href=\"/assets/dashboard.css\">\n"
    "<script src=\"/assets/theme.js\"></script>\n"
    "<script src=\"/assets/uplot.js\" defer></script>\n"
    "<script src=\"/assets/dashboard.js\" type=\"module\"></script>\n"
    "<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>\n"
    "</head><body>\n<a class=\"skip\" href=\"#pools\">To the pools</a>\n"
    "<header><h1>Sluice</h1><p id=\"summary\"></p>"
    "<span id=\"live\" class=\"badge\" role=\"status\">as of loading</span>"
    "<button id=\"theme\" type=\"button\" hidden>Dark</button></header>\n<main>\n";
static const char tail[] =
    "</main>\n<dialog id=\"drawer\" aria-labelledby=\"drawer-title\"><div class=\"head\">"
    "<h2 id=\"drawer-title\">Log</h2><button id=\"drawer-close\" type=\"button\">Close</button>"
    "</div><div id=\"drawer-body\" tabindex=\"0\"></div></dialog>\n"
    "<footer><p>\xe2\x80\x93 stands for what is not known. <a href=\"/metrics\">Metrics</a> "
    "<a href=\"/api/v1/openapi.json\">API</a> "
    "<a href=\"/api/v1/config\">Configuration in force</a></p></footer>\n</body></html>\n";

static void put_gpus(const struct page *page, struct api_call *call)
{
    struct buf text;
    struct json_writer w;
    const struct tree *inventory = NULL;
    buf_init(&text, API_ANSWER_BYTES_MAX);
    json_init(&w, &text);
    json_object(&w);
    control_inventory(call->api->control, &w);
    json_object_end(&w);
    if (text.failed || json_read(&call->arena, buf_view(&text), NULL, &inventory, NULL) != RC_OK)
        inventory = NULL; /* shown as not known */
    page_gpus(page, inventory);
    buf_done(&text);
}

static void answer(struct api_call *call, struct page page)
{
    const size_t pools = reconcile_pool_count(control_reconcile(call->api->control));
    page.out = &call->out;
    page.control = call->api->control;
    page.trend = call->api->trend;
    buf_text(&call->out, head);
    page_conditions(&page);
    buf_text(&call->out, "<div id=\"pools\">\n");
    for (size_t i = 0; i < pools && i < PAGE_POOLS_MAX; i++)
        page_pool(&page, i);
    buf_text(&call->out, "</div>\n");
    if (pools > PAGE_POOLS_MAX)
        buf_printf(&call->out, "<p>and %zu more pools</p>\n", pools - PAGE_POOLS_MAX);
    buf_text(&call->out, "<div class=\"pair\">\n");
    page_changes(&page);
    buf_text(&call->out, "<div>\n");
    page_requests(&page);
    put_gpus(&page, call);
    buf_text(&call->out, "</div></div>\n");
    buf_text(&call->out, tail);
    call_answer_page(call, 200, "text/html; charset=utf-8", "cache-control: no-store\r\n");
}

static void on_requests(void *user, const struct gateway_request *rows, size_t count)
{
    struct api_call *call = user;
    if (api_wait_ended(call))
        answer(call, (struct page){.request = rows, .request_count = count, .has_requests = true});
}

/* The page must come also where the gateway does not: that is when it is needed. */
void handle_page(struct api_call *call)
{
    struct gateway_thread *gateway = control_gateway(call->api->control);
    api_wait_begin(call);
    if (gateway != NULL && gateway_thread_requests(gateway, on_requests, call) == RC_OK)
        return;
    if (api_wait_ended(call))
        answer(call, (struct page){.request_count = 0});
}
