/* command.h - a subcommand: one file with a `const struct command_ops command_NAME`, one line in
 * registry.def. */
#ifndef SLUICE_CLI_COMMAND_H
#define SLUICE_CLI_COMMAND_H

#include <stddef.h>

#include "cli/args.h"

/* Exit codes of every command. */
#define EXIT_OK 0
#define EXIT_FAILED 1 /* errors found, or it did not work */
#define EXIT_USAGE 2  /* the command line is wrong */

struct command_ops {
    const char *name;
    const char *summary; /* one line of `sluice help`, no full stop */
    const char *usage;   /* what follows "sluice NAME" */
    const char *about;   /* paragraphs of `sluice NAME --help`, lines <= 80 columns; may be NULL */
    void (*more)(FILE *out); /* prints what follows the options in the help; may be NULL */
    const struct cli_opt *options;
    size_t option_count;
    /* argv[0] is the command's name. Returns an exit code. --help never gets here. */
    int (*run)(int argc, char **argv);
};

/* All commands in the order of registry.def. */
extern const struct command_ops *const commands[];
extern const size_t command_count;

const struct command_ops *command_find(const char *name); /* NULL when unknown */
void command_print_help(FILE *out, const struct command_ops *command);

/* args_parse() with the command's table; prints what is wrong to stderr. EXIT_OK or EXIT_USAGE. */
int command_args(const struct command_ops *command, int argc, char **argv, void *config,
                 struct args *ret) MUST_CHECK;
/* Prints "sluice NAME: words" and where help is; returns EXIT_USAGE. */
int command_usage_error(const struct command_ops *command, const char *format, ...)
    PRINTF_LIKE(2, 3);
/* Prints "sluice NAME: place: words" of a diag; returns EXIT_FAILED. */
int command_failed(const struct command_ops *command, const struct diag *diag);

#endif
