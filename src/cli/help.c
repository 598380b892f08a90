/* help.c - `sluice help [COMMAND]`: the list of commands, or the page of one. */
#include <stdio.h>

#include "base/opt.h"
#include "cli/command.h"
#include "cli/help.h"

extern const struct command_ops command_help;

const char *help_nearest(const char *name)
{
    const char *known[64];
    size_t count = 0;
    for (size_t i = 0; i < command_count && count < COUNT_OF(known); i++)
        known[count++] = commands[i]->name;
    return name_nearest(span_from(name), known, count);
}

int help_unknown(const char *name)
{
    const char *near = help_nearest(name);
    (void)fprintf(stderr, "sluice: '%s' is no command", name);
    if (near != NULL)
        (void)fprintf(stderr, "; did you mean '%s'?", near);
    (void)fputs("\nTry 'sluice help'.\n", stderr);
    return EXIT_USAGE;
}

void help_print(FILE *out)
{
    (void)fputs("Usage: sluice COMMAND [OPTION]...\n\nAn autoscaler for LLM serving.\n\n"
                "Commands:\n",
                out);
    for (size_t i = 0; i < command_count; i++)
        (void)fprintf(out, "  %-12s %s\n", commands[i]->name, commands[i]->summary);
    (void)fputs("\n'sluice COMMAND --help' tells the options of a command; 'sluice --version' the "
                "version.\n",
                out);
}

static int run(int argc, char **argv)
{
    struct args args;
    char unused = 0; /* no options, so no config */
    int status = command_args(&command_help, argc, argv, &unused, &args);
    if (status != EXIT_OK)
        return status;
    if (args.count > 1)
        return command_usage_error(&command_help, "one command name at most");
    if (args.count == 0) {
        help_print(stdout);
        return EXIT_OK;
    }
    const struct command_ops *command = command_find(args.operand[0]);
    if (command == NULL)
        return help_unknown(args.operand[0]);
    command_print_help(stdout, command);
    return EXIT_OK;
}

const struct command_ops command_help = {
    .name = "help",
    .summary = "Show the commands, or the options of one",
    .usage = "[COMMAND]",
    .run = run,
};
