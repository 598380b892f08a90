#include "cli/profile_file.h"

#include <string.h>
#include <unistd.h>

#include "io/file.h"
#include "model/profile_read.h"

#define PATH_BYTES_MAX 4096

static bool built_in(const char *text)
{
    for (size_t i = 0; i < engine_preset_count; i++)
        if (strcmp(text, engine_presets[i].name) == 0)
            return true;
    return false;
}

/* Its last part without the ending. */
static struct span name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    return span_of(name, dot != NULL && dot > name ? (size_t)(dot - name) : strlen(name));
}

enum rc profile_load(const char *text, struct engine_profile *ret, struct diag *diag)
{
    char path[PATH_BYTES_MAX];
    struct buf json;
    const char *hash = strchr(text, '#');
    const size_t len = hash != NULL ? (size_t)(hash - text) : strlen(text);
    if (!built_in(text) && len >= sizeof path)
        return fail(diag, RC_RANGE, "--profile: the name of the file is too long");
    memcpy(path, text, len < sizeof path ? len : 0);
    path[len < sizeof path ? len : 0] = '\0';
    if (built_in(text) ||
        (strpbrk(text, "/#") == NULL && strstr(text, ".json") == NULL && access(path, F_OK) != 0))
        return profile_preset(span_from(text), ret, diag);
    buf_init(&json, PROFILE_FILE_MAX);
    enum rc rc = file_read(path, PROFILE_FILE_MAX, &json, diag);
    if (rc == RC_OK) {
        rc = profile_read(buf_view(&json), span_from(hash != NULL ? hash + 1 : ""), name_of(path),
                          ret, diag);
        if (rc != RC_OK)
            diag_at(diag, "--profile %s", path);
    }
    buf_done(&json);
    return rc;
}
