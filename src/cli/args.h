/* args.h - the command line of a subcommand, read by a table.
 *
 * One row is one long option. Rows say where the value goes in the command's plain config struct;
 * parser, `--help` and shell completion read the same rows. Options may stand before, between and
 * after operands; "--" ends them. "--name value" and "--name=value" are the same; a flag takes no
 * value and has a "--no-name" form. Nothing is allocated: texts point into argv. */
#ifndef SLUICE_CLI_ARGS_H
#define SLUICE_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/rc.h"

#define ARGS_OPERANDS_MAX 1024
#define ARGS_TEXTS_MAX 64

enum cli_kind {
    CLI_FLAG,     /* bool */
    CLI_TEXT,     /* const char * */
    CLI_TEXTS,    /* struct cli_texts: may be given several times */
    CLI_INT,      /* int64_t */
    CLI_NUMBER,   /* double */
    CLI_QUANTITY, /* double; Kubernetes quantity: 2k, 64Mi */
    CLI_DURATION, /* int64_t nanoseconds; range in seconds */
    CLI_CHOICE,   /* int: index into the words of `choices` */
};

struct cli_texts {
    const char *item[ARGS_TEXTS_MAX];
    size_t count;
};

struct cli_opt {
    const char *name; /* without dashes */
    enum cli_kind kind;
    size_t offset;
    const char *value;   /* word for the value in the help, "N", "FILE"; NULL for flags */
    const char *def;     /* default as the user would write it; NULL: member stays zero */
    double min;          /* inclusive; min == max: unbounded */
    double max;          /* of numbers and durations (seconds) */
    const char *choices; /* CLI_CHOICE: "a|b|c" */
    const char *help;    /* one sentence */
};

/* Rows are written with these: CLI_OPT(INT, struct x, port, "port", "N", "0", 0, 65535, "..."). */
#define CLI_OPT(kind_, struct_, member_, name_, value_, def_, min_, max_, help_)                   \
    {                                                                                              \
        .name = (name_), .kind = CLI_##kind_, .offset = offsetof(struct_, member_),                \
        .value = (value_), .def = (def_), .min = (min_), .max = (max_), .help = (help_)            \
    }
#define CLI_SWITCH(struct_, member_, name_, help_)                                                 \
    {                                                                                              \
        .name = (name_), .kind = CLI_FLAG, .offset = offsetof(struct_, member_), .help = (help_)   \
    }
#define CLI_WORDS(struct_, member_, name_, choices_, def_, help_)                                  \
    {                                                                                              \
        .name = (name_), .kind = CLI_CHOICE, .offset = offsetof(struct_, member_),                 \
        .value = (choices_), .choices = (choices_), .def = (def_), .help = (help_)                 \
    }

/* What is no option. */
struct args {
    char *operand[ARGS_OPERANDS_MAX];
    size_t count;
    bool dashes;          /* "--" was given */
    size_t before_dashes; /* operands that stood before it */
};

/* Sets the defaults, then reads argv[1..argc-1] (argv[0] is the command's name). RC_UNKNOWN,
 * RC_MISSING, RC_SYNTAX, RC_RANGE, RC_LIMIT with words that name the option, the value found and
 * what is allowed. */
enum rc args_parse(const struct cli_opt *rows, size_t row_count, int argc, char **argv,
                   void *config, struct args *ret, struct diag *diag) MUST_CHECK;
/* "  --port N   ..." lines, wrapped at 80 columns. */
void args_print_help(FILE *out, const struct cli_opt *rows, size_t row_count);
/* True when --help or -h stands among the arguments before "--". */
bool args_ask_help(int argc, char **argv);

#endif
