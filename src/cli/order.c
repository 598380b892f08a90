#include "cli/order.h"

#include "base/duration.h"

static void put_body(struct buf *body, const struct order_options *options, int64_t replicas)
{
    char text[DURATION_TEXT_MAX];
    struct json_writer w;
    buf_init(body, 65536);
    json_init(&w, body);
    json_object(&w);
    if (replicas != ORDER_NO_COUNT)
        json_member_int(&w, "replicas", replicas);
    if (options->reason != NULL)
        json_member_text(&w, "reason", options->reason);
    if (options->for_ns > 0) {
        (void)duration_print(options->for_ns, text);
        json_member_text(&w, "expires", text);
    }
    json_object_end(&w);
}

int order_send(const struct command_ops *command, const struct order_options *options,
               const char *pool, const char *verb, int64_t replicas)
{
    struct buf body;
    struct buf path;
    put_body(&body, options, replicas);
    buf_init(&path, 4096);
    if (pool != NULL) {
        buf_text(&path, "/api/v1/pools/");
        client_encode(&path, pool);
        buf_byte(&path, '/');
    }
    buf_text(&path, verb);
    const int code = client_run(command, &options->client, "POST", buf_cstr(&path), buf_view(&body),
                                client_show_done, NULL);
    buf_done(&path);
    buf_done(&body);
    return code;
}
