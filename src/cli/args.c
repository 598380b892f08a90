#include "cli/args.h"

#include <assert.h>
#include <string.h>

#include "base/duration.h"
#include "base/num.h"
#include "base/opt.h"
#include "base/span.h"

#define HELP_COLUMN 28
#define HELP_WIDTH 80

bool args_ask_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    }
    return false;
}

static const struct cli_opt *find_row(const struct cli_opt *rows, size_t row_count,
                                      struct span name)
{
    for (size_t i = 0; i < row_count; i++) {
        if (span_equal_text(name, rows[i].name))
            return &rows[i];
    }
    return NULL;
}

static enum rc unknown_option(const struct cli_opt *rows, size_t row_count, struct span name,
                              struct diag *diag)
{
    const char *known[128];
    size_t count = 0;
    for (size_t i = 0; i < row_count && count < COUNT_OF(known); i++)
        known[count++] = rows[i].name;
    const char *near = name_nearest(name, known, count);
    if (near == NULL)
        return fail(diag, RC_UNKNOWN, "unknown option '--%.*s'", SPAN_ARG(name));
    return fail(diag, RC_UNKNOWN, "unknown option '--%.*s'; did you mean '--%s'?", SPAN_ARG(name),
                near);
}

static enum rc check_range(const struct cli_opt *row, double value, const char *text,
                           struct diag *diag)
{
    if (row->min < row->max && !(value >= row->min && value <= row->max)) {
        char low[NUM_TEXT_MAX];
        char high[NUM_TEXT_MAX];
        (void)num_print(row->min, low);
        (void)num_print(row->max, high);
        return fail(diag, RC_RANGE, "--%s is '%s', allowed is %s to %s%s", row->name, text, low,
                    high, row->kind == CLI_DURATION ? " seconds" : "");
    }
    return RC_OK;
}

static enum rc set_int(const struct cli_opt *row, const char *text, void *place, struct diag *diag)
{
    int64_t value;
    if (num_parse_int(span_from(text), &value) != RC_OK)
        return fail(diag, RC_SYNTAX, "--%s is '%s', a whole number is needed", row->name, text);
    enum rc rc = check_range(row, (double)value, text, diag);
    if (rc == RC_OK)
        *(int64_t *)place = value;
    return rc;
}

static enum rc set_number(const struct cli_opt *row, const char *text, void *place,
                          struct diag *diag)
{
    double value;
    enum rc rc = row->kind == CLI_QUANTITY ? num_parse_quantity(span_from(text), &value)
                                           : num_parse(span_from(text), &value);
    if (rc != RC_OK)
        return fail(diag, RC_SYNTAX, "--%s is '%s', a number is needed", row->name, text);
    rc = check_range(row, value, text, diag);
    if (rc == RC_OK)
        *(double *)place = value;
    return rc;
}

static enum rc set_duration(const struct cli_opt *row, const char *text, void *place,
                            struct diag *diag)
{
    int64_t value;
    if (duration_parse(span_from(text), &value) != RC_OK)
        return fail(diag, RC_SYNTAX, "--%s is '%s', a duration like 500ms or 1m30s is needed",
                    row->name, text);
    enum rc rc = check_range(row, seconds_of(value), text, diag);
    if (rc == RC_OK)
        *(int64_t *)place = value;
    return rc;
}

static enum rc set_choice(const struct cli_opt *row, const char *text, void *place,
                          struct diag *diag)
{
    struct span rest = span_from(row->choices);
    struct span word;
    for (int i = 0; span_split(&rest, '|', &word); i++) {
        if (span_equal_text(word, text)) {
            *(int *)place = i;
            return RC_OK;
        }
    }
    return fail(diag, RC_UNKNOWN, "--%s is '%s', allowed is %s", row->name, text, row->choices);
}

static enum rc add_text(const struct cli_opt *row, const char *text, struct cli_texts *texts,
                        struct diag *diag)
{
    if (texts->count == ARGS_TEXTS_MAX)
        return fail(diag, RC_LIMIT, "--%s is given more than %d times", row->name, ARGS_TEXTS_MAX);
    texts->item[texts->count++] = text;
    return RC_OK;
}

static enum rc set_value(const struct cli_opt *row, const char *text, void *config,
                         struct diag *diag)
{
    void *place = (char *)config + row->offset;
    switch (row->kind) {
    case CLI_FLAG:
        *(bool *)place = true;
        return RC_OK;
    case CLI_TEXT:
        *(const char **)place = text;
        return RC_OK;
    case CLI_TEXTS:
        return add_text(row, text, place, diag);
    case CLI_INT:
        return set_int(row, text, place, diag);
    case CLI_NUMBER:
    case CLI_QUANTITY:
        return set_number(row, text, place, diag);
    case CLI_DURATION:
        return set_duration(row, text, place, diag);
    case CLI_CHOICE:
        return set_choice(row, text, place, diag);
    }
    return RC_OK;
}

static void set_defaults(const struct cli_opt *rows, size_t row_count, void *config)
{
    for (size_t i = 0; i < row_count; i++) {
        if (rows[i].def == NULL || rows[i].kind == CLI_FLAG)
            continue;
        struct diag diag;
        enum rc rc = set_value(&rows[i], rows[i].def, config, &diag);
        assert(rc == RC_OK && "a default of an option table is out of its own range");
        (void)rc; /* used by the assertion alone */
    }
}

/* Reads the option at argv[*index]; moves *index on when the value is the next argument. */
static enum rc read_option(const struct cli_opt *rows, size_t row_count, int argc, char **argv,
                           int *index, void *config, struct diag *diag)
{
    struct span name = span_from(argv[*index] + 2);
    const size_t equals = span_find_byte(name, '=', 0);
    const char *value = NULL;
    if (equals != SIZE_MAX) {
        value = name.ptr + equals + 1;
        name.len = equals;
    }
    const struct cli_opt *row = find_row(rows, row_count, name);
    if (row == NULL && span_starts_with(name, "no-")) {
        row = find_row(rows, row_count, span_slice(name, 3, SIZE_MAX));
        if (row != NULL && row->kind == CLI_FLAG && value == NULL) {
            *(bool *)(void *)((char *)config + row->offset) = false;
            return RC_OK;
        }
        row = NULL;
    }
    if (row == NULL)
        return unknown_option(rows, row_count, name, diag);
    if (row->kind == CLI_FLAG && value != NULL)
        return fail(diag, RC_SYNTAX, "--%s takes no value", row->name);
    if (row->kind != CLI_FLAG && value == NULL) {
        if (*index + 1 >= argc)
            return fail(diag, RC_MISSING, "--%s needs a value: %s", row->name, row->value);
        value = argv[++*index];
    }
    return set_value(row, value, config, diag);
}

/* "-5" is an operand, "-x" is not. */
static bool is_operand(const char *text)
{
    return text[0] != '-' || text[1] == '\0' || (text[1] >= '0' && text[1] <= '9') ||
           text[1] == '.';
}

static enum rc add_operand(struct args *args, char *text, struct diag *diag)
{
    if (args->count == ARGS_OPERANDS_MAX)
        return fail(diag, RC_LIMIT, "more than %d operands", ARGS_OPERANDS_MAX);
    args->operand[args->count++] = text;
    return RC_OK;
}

enum rc args_parse(const struct cli_opt *rows, size_t row_count, int argc, char **argv,
                   void *config, struct args *ret, struct diag *diag)
{
    ret->count = 0;
    ret->dashes = false;
    ret->before_dashes = 0;
    set_defaults(rows, row_count, config);
    for (int i = 1; i < argc; i++) {
        enum rc rc;
        if (ret->dashes || is_operand(argv[i])) {
            rc = add_operand(ret, argv[i], diag);
        } else if (strcmp(argv[i], "--") == 0) {
            ret->dashes = true;
            ret->before_dashes = ret->count;
            continue;
        } else if (argv[i][1] == '-') {
            rc = read_option(rows, row_count, argc, argv, &i, config, diag);
        } else {
            rc = fail(diag, RC_UNKNOWN, "unknown option '%s'; options are written --name", argv[i]);
        }
        if (rc != RC_OK)
            return rc;
    }
    if (!ret->dashes)
        ret->before_dashes = ret->count;
    return RC_OK;
}

/* Prints words from column `column` on, starting a new line where one would pass the width. */
static void print_wrapped(FILE *out, const char *text, int column)
{
    struct span rest = span_from(text);
    struct span word;
    int at = column;
    while (span_split(&rest, ' ', &word)) {
        if (at > column && at + 1 + (int)word.len > HELP_WIDTH) {
            (void)fprintf(out, "\n%*s", column, "");
            at = column;
        } else if (at > column) {
            (void)fputc(' ', out);
            at++;
        }
        (void)fwrite(word.ptr, 1, word.len, out);
        at += (int)word.len;
    }
}

static void print_row(FILE *out, const char *name, const char *value, const char *help,
                      const char *def)
{
    int at = fprintf(out, "  --%s%s%s", name, value != NULL ? " " : "", value != NULL ? value : "");
    if (at >= HELP_COLUMN - 1) {
        (void)fputc('\n', out);
        at = 0;
    }
    (void)fprintf(out, "%*s", HELP_COLUMN - at, "");
    char text[512];
    (void)snprintf(text, sizeof text, "%s%s%s%s", help, def != NULL ? " Default: " : "",
                   def != NULL ? def : "", def != NULL ? "." : "");
    print_wrapped(out, text, HELP_COLUMN);
    (void)fputc('\n', out);
}

void args_print_help(FILE *out, const struct cli_opt *rows, size_t row_count)
{
    for (size_t i = 0; i < row_count; i++)
        print_row(out, rows[i].name, rows[i].value, rows[i].help, rows[i].def);
    print_row(out, "help", NULL, "Show this page.", NULL);
}
