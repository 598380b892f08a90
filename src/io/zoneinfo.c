#include "io/zoneinfo.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "io/file.h"

#define FILE_BYTES_MAX (1U << 20)

static const char *const folders[] = {"/usr/share/zoneinfo", "/usr/lib/zoneinfo",
                                      "/usr/share/lib/zoneinfo"};

/* Letters, digits, - + _ in parts between slashes: leads nowhere else. */
static bool is_name(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789-+_/";
    const size_t len = strlen(name);
    return len > 0 && len < NAME_SIZE && strspn(name, allowed) == len && name[0] != '/' &&
           name[len - 1] != '/' && strstr(name, "//") == NULL;
}

enum rc zoneinfo_read(void *user, const char *name, struct buf *into, struct diag *diag)
{
    char path[2 * NAME_SIZE];
    (void)user;
    enum rc rc = RC_NOT_FOUND;
    for (size_t i = 0; is_name(name) && i < COUNT_OF(folders) && rc == RC_NOT_FOUND; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", folders[i], name);
        rc = file_read(path, FILE_BYTES_MAX, into, diag);
    }
    if (rc == RC_NOT_FOUND)
        return fail(diag, rc, "there is no time zone \"%s\" on this system", name);
    return rc;
}
