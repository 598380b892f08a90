/* pause.c - `sluice pause`. */
#include "cli/order.h"

static const struct cli_opt pause_options[] = {
    ORDER_ROW_FOR("The pause ends after this time; without it it stays until `sluice resume`."),
    ORDER_ROW_REASON,
    CLIENT_ROWS,
};

static int run(int argc, char **argv);

const struct command_ops command_pause = {
    .name = "pause",
    .summary = "Keep the count of a pool as it is",
    .usage = "[OPTION]... POOL",
    .about =
        "Decisions go on and are recorded, but are not applied; a replica that is lost is still\n"
        "replaced. Exit code: 0 done, 1 refused or not reached, 2 wrong usage.",
    .options = pause_options,
    .option_count = COUNT_OF(pause_options),
    .run = run,
};

static int run(int argc, char **argv)
{
    struct order_options options;
    struct args args;
    const int usage = command_args(&command_pause, argc, argv, &options, &args);
    if (usage != EXIT_OK)
        return usage;
    if (args.count != 1)
        return command_usage_error(&command_pause, "one pool is wanted");
    return order_send(&command_pause, &options, args.operand[0], "pause", ORDER_NO_COUNT);
}
