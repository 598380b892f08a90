#include "cli/command.h"

#include <stdarg.h>
#include <string.h>

#define COMMAND(name) extern const struct command_ops command_##name;
#include "cli/registry.def"
#undef COMMAND

const struct command_ops *const commands[] = {
#define COMMAND(name) &command_##name,
#include "cli/registry.def"
#undef COMMAND
};
const size_t command_count = COUNT_OF(commands);

const struct command_ops *command_find(const char *name)
{
    for (size_t i = 0; i < command_count; i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    }
    return NULL;
}

void command_print_help(FILE *out, const struct command_ops *command)
{
    (void)fprintf(out, "Usage: sluice %s%s%s\n\n%s.\n", command->name,
                  command->usage[0] != '\0' ? " " : "", command->usage, command->summary);
    if (command->about != NULL)
        (void)fprintf(out, "\n%s\n", command->about);
    (void)fputs("\nOptions:\n", out);
    args_print_help(out, command->options, command->option_count);
    if (command->more != NULL)
        command->more(out);
}

int command_args(const struct command_ops *command, int argc, char **argv, void *config,
                 struct args *ret)
{
    struct diag diag = {.code = RC_OK};
    if (args_parse(command->options, command->option_count, argc, argv, config, ret, &diag) ==
        RC_OK)
        return EXIT_OK;
    return command_usage_error(command, "%s", diag.text);
}

int command_usage_error(const struct command_ops *command, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    (void)fprintf(stderr, "sluice %s: ", command->name);
    (void)vfprintf(stderr, format, list);
    va_end(list);
    (void)fprintf(stderr, "\nTry 'sluice %s --help'.\n", command->name);
    return EXIT_USAGE;
}

int command_failed(const struct command_ops *command, const struct diag *diag)
{
    (void)fprintf(stderr, "sluice %s: ", command->name);
    if (diag->where[0] != '\0')
        (void)fprintf(stderr, "%s: ", diag->where);
    if (diag->line > 0)
        (void)fprintf(stderr, "line %u: ", (unsigned)diag->line);
    (void)fprintf(stderr, "%s\n", diag->text[0] != '\0' ? diag->text : rc_words(diag->code));
    return EXIT_FAILED;
}
