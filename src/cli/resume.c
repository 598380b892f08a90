/* resume.c - `sluice resume`. */
#include "cli/order.h"

static const struct cli_opt resume_options[] = {
    ORDER_ROW_REASON,
    CLIENT_ROWS,
};

static int run(int argc, char **argv);

const struct command_ops command_resume = {
    .name = "resume",
    .summary = "End the pause of a pool",
    .usage = "[OPTION]... POOL",
    .about = "A pin is something else: `sluice scale POOL auto` takes it away.\n"
             "Exit code: 0 done, 1 refused or not reached, 2 wrong usage.",
    .options = resume_options,
    .option_count = COUNT_OF(resume_options),
    .run = run,
};

static int run(int argc, char **argv)
{
    struct order_options options;
    struct args args;
    const int usage = command_args(&command_resume, argc, argv, &options, &args);
    if (usage != EXIT_OK)
        return usage;
    if (args.count != 1)
        return command_usage_error(&command_resume, "one pool is wanted");
    return order_send(&command_resume, &options, args.operand[0], "resume", ORDER_NO_COUNT);
}
