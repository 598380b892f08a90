/* init_models.h - model files on this machine, for `sluice init`, and names for their pools. */
#ifndef SLUICE_CLI_INIT_MODELS_H
#define SLUICE_CLI_INIT_MODELS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/limits.h"

#define INIT_MODELS_MAX 64
#define INIT_PATH_SIZE 1024

struct init_model {
    char name[NAME_SIZE];      /* of its pool */
    char path[INIT_PATH_SIZE]; /* or the name that the engine loads */
    bool file;
    double bytes; /* of the file; 0 = unknown */
};

struct init_models {
    struct init_model item[INIT_MODELS_MAX];
    size_t count;
    size_t entries; /* looked at */
    bool more;      /* a limit was reached */
};

/* GGUF files in the folder and below, the first parts of those in several. False when it cannot be
 * read. `depth` is 0. */
bool init_models_scan(struct init_models *found, const char *folder, int depth);
/* Where downloads usually end; folders that are not there are passed over. */
void init_models_scan_usual(struct init_models *found);
/* The pool gets its name from the first name_len bytes. NULL: there are too many. */
struct init_model *init_models_add(struct init_models *found, const char *path, const char *name,
                                   size_t name_len);

#endif
