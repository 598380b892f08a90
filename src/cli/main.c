/* main.c - wiring only: finds the subcommand and runs it. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/help.h"

/* A result that could not be written is a failure, whatever the command thought. */
static int finish(int status)
{
    if ((fflush(stdout) != 0 || ferror(stdout) != 0) && status == EXIT_OK) {
        (void)fputs("sluice: standard output could not be written\n", stderr);
        return EXIT_FAILED;
    }
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        help_print(stderr);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        (void)puts("sluice " SLUICE_VERSION);
        return finish(EXIT_OK);
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        help_print(stdout);
        return finish(EXIT_OK);
    }
    const struct command_ops *command = command_find(name);
    if (command == NULL)
        return help_unknown(name);
    if (args_ask_help(argc - 1, argv + 1)) {
        command_print_help(stdout, command);
        return finish(EXIT_OK);
    }
    return finish(command->run(argc - 1, argv + 1));
}
