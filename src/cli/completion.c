/* completion.c - `sluice completion`: what a shell needs to complete commands, options and their
 * words, made from the tables; names of pools come from the running sluice when they are asked for.
 */
#include <stdio.h>
#include <string.h>

#include "cli/client.h"

struct completion_config {
    struct client_options client;
};

static const struct cli_opt completion_options[] = {CLIENT_ROWS};

static int run(int argc, char **argv);

const struct command_ops command_completion = {
    .name = "completion",
    .summary = "Print what a shell needs to complete commands and options",
    .usage = "bash|zsh|fish|pools",
    .about =
        "bash: source <(sluice completion bash), in ~/.bashrc.\n"
        "zsh:  source <(sluice completion zsh), in ~/.zshrc behind compinit.\n"
        "fish: sluice completion fish | source, in config.fish.\n"
        "pools: the names of the pools of the running sluice, one a line; the scripts call it.",
    .options = completion_options,
    .option_count = COUNT_OF(completion_options),
    .run = run,
};

/* ---- what the tables say ---- */

static bool takes(const struct command_ops *command, const char *operand)
{
    return strstr(command->usage, operand) != NULL;
}

static void put_words(const char *choices)
{
    for (const char *p = choices; *p != '\0'; p++)
        (void)putchar(*p == '|' ? ' ' : *p);
}

/* Calls `put` with every option of every command, --help included. */
typedef void put_option_fn(const struct command_ops *command, const struct cli_opt *row);
static void each_option(put_option_fn *put)
{
    static const struct cli_opt help_row = {
        .name = "help", .kind = CLI_FLAG, .help = "Show the options."};
    for (size_t i = 0; i < command_count; i++) {
        for (size_t k = 0; k < commands[i]->option_count; k++)
            put(commands[i], &commands[i]->options[k]);
        put(commands[i], &help_row);
    }
}

/* Within single quotes of any of the three shells. */
static void put_quoted(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text == '\'')
            (void)fputs("’", stdout); /* an apostrophe that no shell reads */
        else
            (void)putchar(*text);
}

/* ---- bash ---- */

static void bash_options(const struct command_ops *command)
{
    (void)printf("    %s) options='", command->name);
    for (size_t k = 0; k < command->option_count; k++)
        (void)printf("--%s ", command->options[k].name);
    (void)printf("--help'; operand=%s ;;\n", takes(command, "POOL")   ? "pool"
                                             : takes(command, "FILE") ? "file"
                                                                      : "none");
}

static void bash_choice(const struct command_ops *command, const struct cli_opt *row)
{
    if (row->kind != CLI_CHOICE)
        return;
    (void)printf("    %s:--%s) words='", command->name, row->name);
    put_words(row->choices);
    (void)fputs("' ;;\n", stdout);
}

static void bash_file(const struct command_ops *command, const struct cli_opt *row)
{
    if (row->value != NULL && strstr(row->value, "FILE") != NULL)
        (void)printf("    %s:--%s) compopt -o default; return ;;\n", command->name, row->name);
}

static void print_bash(void)
{
    (void)fputs("_sluice() {\n"
                "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
                "  local command=${COMP_WORDS[1]} words= options= operand=\n"
                "  COMPREPLY=()\n"
                "  if [ \"$COMP_CWORD\" = 1 ]; then\n"
                "    COMPREPLY=($(compgen -W '",
                stdout);
    for (size_t i = 0; i < command_count; i++)
        (void)printf("%s ", commands[i]->name);
    (void)fputs("--help --version' -- \"$word\"))\n"
                "    return\n"
                "  fi\n"
                "  case $command:$before in\n",
                stdout);
    each_option(bash_choice);
    each_option(bash_file);
    (void)fputs("    help:help) words='", stdout);
    for (size_t i = 0; i < command_count; i++)
        (void)printf("%s ", commands[i]->name);
    (void)fputs("' ;;\n"
                "    completion:completion) words='bash zsh fish pools' ;;\n"
                "  esac\n"
                "  if [ -n \"$words\" ]; then\n"
                "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
                "    return\n"
                "  fi\n"
                "  case $command in\n",
                stdout);
    for (size_t i = 0; i < command_count; i++)
        bash_options(commands[i]);
    (void)fputs("  esac\n"
                "  case $word in\n"
                "    -*) COMPREPLY=($(compgen -W \"$options\" -- \"$word\")) ;;\n"
                "    *) case $operand in\n"
                "      pool) COMPREPLY=($(compgen -W \"$(sluice completion pools 2>/dev/null)\" -- "
                "\"$word\")) ;;\n"
                "      file) compopt -o default ;;\n"
                "    esac ;;\n"
                "  esac\n"
                "}\n"
                "complete -F _sluice sluice\n",
                stdout);
}

/* ---- zsh ---- */

static void zsh_text(const char *text)
{
    for (; *text != '\0'; text++) {
        if (strchr(":[]", *text) != NULL)
            (void)putchar('\\');
        if (*text == '\'')
            (void)fputs("’", stdout);
        else
            (void)putchar(*text);
    }
}

static void zsh_option(const struct cli_opt *row)
{
    (void)printf("      '--%s%s[", row->name, row->kind == CLI_FLAG ? "" : "=");
    zsh_text(row->help);
    (void)putchar(']');
    if (row->kind == CLI_CHOICE) {
        (void)fputs(":word:(", stdout);
        put_words(row->choices);
        (void)putchar(')');
    } else if (row->kind != CLI_FLAG) {
        (void)fputs(":", stdout);
        zsh_text(row->value);
        (void)fputs(strstr(row->value, "FILE") != NULL ? ":_files" : ":", stdout);
    }
    (void)fputs("' \\\n", stdout);
}

static void print_zsh(void)
{
    (void)fputs("#compdef sluice\n"
                "_sluice_pools() { compadd -- ${(f)\"$(sluice completion pools 2>/dev/null)\"} }\n"
                "_sluice() {\n"
                "  if (( CURRENT == 2 )); then\n"
                "    local -a names=(\n",
                stdout);
    for (size_t i = 0; i < command_count; i++) {
        (void)printf("      '%s:", commands[i]->name);
        zsh_text(commands[i]->summary);
        (void)fputs("'\n", stdout);
    }
    (void)fputs("    )\n"
                "    _describe command names\n"
                "    return\n"
                "  fi\n"
                "  local name=$words[2]\n"
                "  shift words\n"
                "  (( CURRENT-- ))\n"
                "  case $name in\n",
                stdout);
    for (size_t i = 0; i < command_count; i++) {
        (void)printf("    %s) _arguments \\\n", commands[i]->name);
        for (size_t k = 0; k < commands[i]->option_count; k++)
            zsh_option(&commands[i]->options[k]);
        (void)printf("      '--help[Show the options.]' '*:operand:%s' ;;\n",
                     takes(commands[i], "POOL") ? "_sluice_pools" : "_files");
    }
    (void)fputs("  esac\n"
                "}\n"
                "compdef _sluice sluice\n",
                stdout);
}

/* ---- fish ---- */

static void fish_option(const struct command_ops *command, const struct cli_opt *row)
{
    (void)printf("complete -c sluice -n '__fish_seen_subcommand_from %s' -l %s", command->name,
                 row->name);
    if (row->kind == CLI_CHOICE) {
        (void)fputs(" -x -a '", stdout);
        put_words(row->choices);
        (void)putchar('\'');
    } else if (row->kind != CLI_FLAG) {
        (void)fputs(strstr(row->value, "FILE") != NULL ? " -r -F" : " -x", stdout);
    }
    (void)fputs(" -d '", stdout);
    put_quoted(row->help);
    (void)fputs("'\n", stdout);
}

static void print_fish(void)
{
    (void)fputs("complete -c sluice -f\n", stdout);
    for (size_t i = 0; i < command_count; i++) {
        (void)printf("complete -c sluice -n __fish_use_subcommand -a %s -d '", commands[i]->name);
        put_quoted(commands[i]->summary);
        (void)fputs("'\n", stdout);
        if (takes(commands[i], "POOL"))
            (void)printf("complete -c sluice -n '__fish_seen_subcommand_from %s' -a '(sluice "
                         "completion pools 2>/dev/null)'\n",
                         commands[i]->name);
        else if (takes(commands[i], "FILE"))
            (void)printf("complete -c sluice -n '__fish_seen_subcommand_from %s' -F\n",
                         commands[i]->name);
    }
    each_option(fish_option);
}

/* ---- pools ---- */

static void show_pools(void *user, const struct tree *json)
{
    const struct tree *pools = tree_get(json, "pools");
    (void)user;
    for (const struct tree *pool = pools != NULL ? pools->first : NULL; pool != NULL;
         pool = pool->next) {
        const struct span name = client_text(pool, "name");
        (void)printf("%.*s\n", SPAN_ARG(name));
    }
}

static int run(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*print)(void);
    } shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};
    struct completion_config config;
    struct args args;
    const int usage = command_args(&command_completion, argc, argv, &config, &args);
    if (usage != EXIT_OK)
        return usage;
    if (args.count != 1)
        return command_usage_error(&command_completion, "bash, zsh, fish or pools is wanted");
    for (size_t i = 0; i < COUNT_OF(shells); i++)
        if (strcmp(args.operand[0], shells[i].name) == 0) {
            shells[i].print();
            return EXIT_OK;
        }
    if (strcmp(args.operand[0], "pools") == 0)
        return client_run(&command_completion, &config.client, "GET", "/api/v1/pools",
                          (struct span){0}, show_pools, NULL);
    return command_usage_error(&command_completion,
                               "\"%s\" is no shell: bash, zsh, fish, or pools is wanted",
                               args.operand[0]);
}
