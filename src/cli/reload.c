/* reload.c - `sluice reload`. */
#include "cli/order.h"

static const struct cli_opt reload_options[] = {
    ORDER_ROW_REASON,
    CLIENT_ROWS,
};

static int run(int argc, char **argv);

const struct command_ops command_reload = {
    .name = "reload",
    .summary = "Let a running sluice read its configuration again",
    .usage = "[OPTION]...",
    .about =
        "As SIGHUP does. A configuration with errors is refused whole, the last good one stays\n"
        "in force, and `sluice status` says why.\n"
        "Exit code: 0 asked for, 1 refused or not reached, 2 wrong usage.",
    .options = reload_options,
    .option_count = COUNT_OF(reload_options),
    .run = run,
};

static int run(int argc, char **argv)
{
    struct order_options options;
    struct args args;
    const int usage = command_args(&command_reload, argc, argv, &options, &args);
    if (usage != EXIT_OK)
        return usage;
    if (args.count != 0)
        return command_usage_error(&command_reload, "no operand is wanted");
    return order_send(&command_reload, &options, NULL, "/api/v1/reload", ORDER_NO_COUNT);
}
