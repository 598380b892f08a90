/* load.h - configuration files from disk, with the environment, for every command that takes one.
 */
#ifndef SLUICE_CLI_LOAD_H
#define SLUICE_CLI_LOAD_H

#include <stdbool.h>
#include <stdio.h>

#include "config/config.h"

/* Bytes of a file, "-" for standard input; at most CONFIG_BYTES_MAX + 1 of them. RC_IO with words.
 */
enum rc load_text(const char *file, struct buf *ret, struct diag *diag) MUST_CHECK;
/* Adds why a file could not be read. */
void load_unreadable(struct problem_list *problems, const char *file, const struct diag *diag);
/* The environment as ${env:NAME} sees it, and files for ${file:PATH}; env is empty when memory is
 * out. Free what is returned (may be NULL) after the last use of env. */
struct environment;
struct environment *load_environment(struct env_table *env);
void load_environment_free(struct environment *environment);
/* Reads and checks. Problems, an unreadable file too, are in the list. text is kept for
 * load_report(); free with config_free() and buf_done(). */
struct config *load_config(const char *file, struct problem_list *problems, struct buf *text);
/* Several files as one configuration: the first says everything, the others bring further pools
 * (config/join.h). Problems name the file and the line in it. */
#define LOAD_FILES_MAX 64
struct load_files {
    struct buf text; /* all of them, with document marks between */
    char label[256]; /* the file's name, or the first one's and how many more */
    struct load_part {
        const char *file; /* as given; must outlive this */
        size_t start;     /* in text */
        size_t len;
        uint32_t first_line; /* in text, 1-based */
    } part[LOAD_FILES_MAX];
    size_t count;
};
/* At most LOAD_FILES_MAX; free with config_free() and load_files_done(), also after NULL. */
struct config *load_files(char *const *files, size_t count, struct problem_list *problems,
                          struct load_files *ret);
void load_files_done(struct load_files *files);
void load_files_report(FILE *out, const struct problem_list *problems,
                       const struct load_files *files);
/* Every problem with its source line. Colours on a terminal, but not under NO_COLOR. */
void load_report(FILE *out, const struct problem_list *problems, const struct buf *text);

#endif
