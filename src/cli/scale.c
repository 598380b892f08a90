/* scale.c - `sluice scale`: pins a pool at a count, or takes the pin away. */
#include <string.h>

#include "base/num.h"
#include "cli/order.h"

static const struct cli_opt scale_options[] = {
    ORDER_ROW_FOR("The pin ends after this time; without it it stays until it is taken away."),
    ORDER_ROW_REASON,
    CLIENT_ROWS,
};

static int run(int argc, char **argv);

const struct command_ops command_scale = {
    .name = "scale",
    .summary = "Pin a pool at a count of replicas, or let its policy rule again",
    .usage = "[OPTION]... POOL N|auto",
    .about =
        "N must lie within the bounds of the pool. The pin beats the policy and its pace, not\n"
        "the inventory; it survives a restart of sluice. \"auto\" takes it away.\n"
        "Exit code: 0 done, 1 refused or not reached, 2 wrong usage.",
    .options = scale_options,
    .option_count = COUNT_OF(scale_options),
    .run = run,
};

static int unpin(const struct order_options *options, const char *pool)
{
    struct buf path;
    buf_init(&path, 4096);
    buf_text(&path, "/api/v1/pools/");
    client_encode(&path, pool);
    buf_text(&path, "/pin");
    const int code = client_run(&command_scale, &options->client, "DELETE", buf_cstr(&path),
                                (struct span){0}, client_show_done, NULL);
    buf_done(&path);
    return code;
}

static int run(int argc, char **argv)
{
    struct order_options options;
    struct args args;
    int64_t replicas = 0;
    const int usage = command_args(&command_scale, argc, argv, &options, &args);
    if (usage != EXIT_OK)
        return usage;
    if (args.count != 2)
        return command_usage_error(&command_scale, "a pool and a count, or \"auto\", are wanted");
    if (strcmp(args.operand[1], "auto") == 0) {
        if (options.for_ns > 0)
            return command_usage_error(&command_scale, "--for belongs to a count, not to \"auto\"");
        return unpin(&options, args.operand[0]);
    }
    if (num_parse_int(span_from(args.operand[1]), &replicas) != RC_OK || replicas < 0)
        return command_usage_error(
            &command_scale, "\"%s\" is no count: 0 or more replicas, or \"auto\", are wanted",
            args.operand[1]);
    return order_send(&command_scale, &options, args.operand[0], "scale", replicas);
}
