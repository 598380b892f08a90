#include "io/curl_library.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define CURL_FILE                                                                                  \
    "libcurl.so.4" /* the name of its interface: this number has been one since 2006 */

/* A pointer to data and one to a function are two things for ISO C, and one for POSIX. */
static bool find(void *library, const char *name, void *ret_function, size_t size)
{
    void *const found = dlsym(library, name);
    if (found == NULL || size != sizeof(found))
        return false;
    memcpy(ret_function, &found, sizeof(found));
    return true;
}

const struct curl_library *curl_library(void)
{
    static struct curl_library known;
    static bool ready;
    if (ready)
        return &known;
    void *const library = dlopen(CURL_FILE, RTLD_NOW | RTLD_LOCAL);
    bool good = library != NULL;
#define FIND(name) good = good && find(library, "curl_" #name, &known.name, sizeof(known.name));
    CURL_FUNCTIONS(FIND)
#undef FIND
    ready = good && known.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    return ready ? &known : NULL;
}
