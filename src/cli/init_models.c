/* init_models.c - folders looked through for model files, within limits. */
#include "cli/init_models.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/rc.h"
#include "base/span.h"
#include "io/env.h"

#define DEPTH_MAX 5       /* folders below a given one */
#define ENTRIES_MAX 20000 /* of all folders together */

/* Lower case, digits and single dashes: "Llama-3.1-8B-Q4_K_M.gguf" is "llama-3-1-8b-q4-k-m". */
static void pool_name(const char *text, size_t len, char ret[NAME_SIZE])
{
    size_t n = 0;
    for (size_t i = 0; i < len && n < NAME_SIZE - 4; i++) {
        static const char from[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        static const char into[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz0123456789";
        const char *known = strchr(from, text[i]);
        if (known != NULL)
            ret[n++] = into[known - from];
        else if (n > 0 && ret[n - 1] != '-')
            ret[n++] = '-';
    }
    while (n > 0 && ret[n - 1] == '-')
        n--;
    ret[n] = '\0';
    if (n == 0)
        (void)snprintf(ret, NAME_SIZE, "model");
}

static bool name_taken(const struct init_models *found, const char *name)
{
    for (size_t i = 0; i < found->count; i++)
        if (strcmp(found->item[i].name, name) == 0)
            return true;
    return false;
}

struct init_model *init_models_add(struct init_models *found, const char *path, const char *name,
                                   size_t name_len)
{
    if (found->count == INIT_MODELS_MAX || strlen(path) >= INIT_PATH_SIZE) {
        found->more = true;
        return NULL;
    }
    struct init_model *model = &found->item[found->count];
    *model = (struct init_model){.file = false};
    pool_name(name, name_len, model->name);
    const size_t len = strlen(model->name);
    for (int n = 2; name_taken(found, model->name); n++)
        (void)snprintf(model->name + len, NAME_SIZE - len, "-%d", n);
    (void)span_copy(span_from(path), model->path, sizeof(model->path));
    found->count++;
    return model;
}

/* "-00001-of-00003" in front of the ending: only the first part is given to the engine. */
static bool is_later_part(const char *name, size_t len, size_t *ret_stem)
{
    static const char pattern[] = "-ddddd-of-ddddd";
    const size_t size = sizeof(pattern) - 1;
    *ret_stem = len;
    if (len < size)
        return false;
    const char *tail = name + len - size;
    for (size_t i = 0; i < size; i++)
        if (pattern[i] == 'd' ? tail[i] < '0' || tail[i] > '9' : tail[i] != pattern[i])
            return false;
    *ret_stem = len - size;
    return memcmp(tail, "-00001", 6) != 0;
}

static void take_file(struct init_models *found, const char *path, const char *name, double bytes)
{
    const size_t len = strlen(name);
    size_t stem;
    if (len <= 5 || strcmp(name + len - 5, ".gguf") != 0 || strncmp(name, "mmproj", 6) == 0 ||
        is_later_part(name, len - 5, &stem))
        return;
    char *whole = realpath(path, NULL); /* the engine may run in another folder */
    struct init_model *model = init_models_add(found, whole != NULL ? whole : path, name, stem);
    free(whole);
    if (model != NULL) {
        model->file = true;
        model->bytes = bytes;
    }
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_shown(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

bool init_models_scan(struct init_models *found, const char *folder, int depth)
{
    struct dirent **entry = NULL;
    const int count = scandir(folder, &entry, is_shown, by_name);
    for (int i = 0; i < count; i++) {
        char path[INIT_PATH_SIZE];
        struct stat info;
        const int len = snprintf(path, sizeof(path), "%s/%s", folder, entry[i]->d_name);
        found->more = found->more || found->entries == ENTRIES_MAX;
        if (found->entries < ENTRIES_MAX && len > 0 && (size_t)len < sizeof(path) &&
            stat(path, &info) == 0) {
            found->entries++;
            if (S_ISREG(info.st_mode))
                take_file(found, path, entry[i]->d_name, (double)info.st_size);
            else if (S_ISDIR(info.st_mode) && depth < DEPTH_MAX)
                (void)init_models_scan(found, path,
                                       depth + 1); /* one that cannot be read is passed over */
        }
        free(entry[i]);
    }
    free(entry);
    return count >= 0;
}

void init_models_scan_usual(struct init_models *found)
{
    static const char *const below_home[] = {"models", ".cache/llama.cpp"};
    const char *home = env_get("HOME");
    char path[INIT_PATH_SIZE];
    (void)init_models_scan(found, "models", 0); /* may be missing, as the others */
    for (size_t i = 0; i < COUNT_OF(below_home) && home != NULL; i++)
        if (snprintf(path, sizeof(path), "%s/%s", home, below_home[i]) < (int)sizeof(path))
            (void)init_models_scan(found, path, 0);
}
