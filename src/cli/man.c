/* man.c - `sluice man`: the manual pages, made from the tables of commands and options. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/help.h"

static int run(int argc, char **argv);

const struct command_ops command_man = {
    .name = "man",
    .summary = "Print a manual page, for man -l",
    .usage = "[COMMAND]",
    .about = "The page of sluice, or of one command, in the format of man:\n"
             "sluice man why | man -l -",
    .run = run,
};

/* ---- text for roff ---- */

/* Backslashes, hyphens that are to be copied, and lines that begin like a request. */
static void put(const char *text)
{
    bool begin = true;
    for (; *text != '\0'; text++) {
        if (begin && (*text == '.' || *text == '\''))
            (void)fputs("\\&", stdout);
        if (*text == '\\')
            (void)fputs("\\e", stdout);
        else if (*text == '-')
            (void)fputs("\\-", stdout);
        else
            (void)putchar(*text);
        begin = *text == '\n';
    }
}

static void put_upper(const char *text)
{
    for (; *text != '\0'; text++)
        (void)putchar(*text >= 'a' && *text <= 'z' ? *text - 'a' + 'A' : *text);
}

static void put_title(const char *name)
{
    (void)fputs(".TH SLUICE", stdout);
    if (name != NULL) {
        (void)fputs("\\-", stdout);
        put_upper(name);
    }
    (void)fputs(" 1 \"\" \"sluice " SLUICE_VERSION "\" \"User Commands\"\n.SH NAME\nsluice",
                stdout);
    if (name != NULL)
        (void)printf("\\-%s", name);
    (void)fputs(" \\- ", stdout);
}

static void put_option(const struct cli_opt *row)
{
    (void)fputs(".TP\n\\fB\\-\\-", stdout);
    put(row->name);
    (void)fputs("\\fR", stdout);
    if (row->value != NULL) {
        (void)fputs(" \\fI", stdout);
        put(row->value);
        (void)fputs("\\fR", stdout);
    }
    (void)putchar('\n');
    put(row->help);
    if (row->def != NULL) {
        (void)fputs(" Default: ", stdout);
        put(row->def);
        (void)putchar('.');
    }
    (void)putchar('\n');
}

static void print_files(void)
{
    (void)fputs(".SH EXIT STATUS\n0: it worked, warnings included. 1: errors were found, or it "
                "failed. 2: the command line is wrong.\n"
                ".SH ENVIRONMENT\n.TP\n\\fBSLUICE_ADMIN\\fR\nWhere the API of the running sluice "
                "is, HOST:PORT.\n.TP\n\\fBSLUICE_TOKEN\\fR\nThe token for it.\n",
                stdout);
}

static void print_command(const struct command_ops *command)
{
    put_title(command->name);
    put(command->summary);
    (void)printf("\n.SH SYNOPSIS\n\\fBsluice %s\\fR ", command->name);
    put(command->usage);
    (void)putchar('\n');
    if (command->about != NULL) {
        (void)fputs(".SH DESCRIPTION\n.nf\n", stdout);
        put(command->about);
        (void)fputs("\n.fi\n", stdout);
    }
    (void)fputs(".SH OPTIONS\n", stdout);
    for (size_t i = 0; i < command->option_count; i++)
        put_option(&command->options[i]);
    put_option(&(struct cli_opt){.name = "help", .help = "Show the options."});
    print_files();
    (void)fputs(".SH SEE ALSO\nsluice(1)\n", stdout);
}

static void print_all(void)
{
    put_title(NULL);
    (void)fputs("an autoscaler for LLM serving\n.SH SYNOPSIS\n\\fBsluice\\fR \\fICOMMAND\\fR "
                "[\\fIOPTION\\fR]...\n.SH DESCRIPTION\nSluice decides how many replicas of a "
                "model run, starts and stops them, holds requests while none is ready, and can "
                "show why for every number it ever chose.\n.SH COMMANDS\n",
                stdout);
    for (size_t i = 0; i < command_count; i++) {
        (void)printf(".TP\n\\fBsluice %s\\fR ", commands[i]->name);
        put(commands[i]->usage);
        (void)putchar('\n');
        put(commands[i]->summary);
        (void)fputs(".\n", stdout);
    }
    print_files();
    (void)fputs(".SH SEE ALSO\n", stdout);
    for (size_t i = 0; i < command_count; i++)
        (void)printf("%ssluice\\-%s(1)", i > 0 ? ", " : "", commands[i]->name);
    (void)putchar('\n');
}

static int run(int argc, char **argv)
{
    struct args args;
    char unused = 0; /* no options, so no config */
    const int usage = command_args(&command_man, argc, argv, &unused, &args);
    if (usage != EXIT_OK)
        return usage;
    if (args.count > 1)
        return command_usage_error(&command_man, "one command name at most");
    if (args.count == 0) {
        print_all();
        return EXIT_OK;
    }
    const struct command_ops *command = command_find(args.operand[0]);
    if (command == NULL)
        return help_unknown(args.operand[0]);
    print_command(command);
    return EXIT_OK;
}
