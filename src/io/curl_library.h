/* curl_library.h - libcurl, loaded when the first request over https is made: it brings some twenty
 * further libraries, which would cost every start of the program half of its time and several
 * megabytes, and most installations ask nobody over https. */
#ifndef SLUICE_IO_CURL_LIBRARY_H
#define SLUICE_IO_CURL_LIBRARY_H

#include <curl/curl.h>

/* NAME of curl_NAME(). */
#define CURL_FUNCTIONS(X)                                                                          \
    X(global_init)                                                                                 \
    X(easy_init)                                                                                   \
    X(easy_cleanup)                                                                                \
    X(easy_setopt)                                                                                 \
    X(easy_getinfo)                                                                                \
    X(easy_strerror)                                                                               \
    X(multi_init)                                                                                  \
    X(multi_cleanup)                                                                               \
    X(multi_setopt)                                                                                \
    X(multi_add_handle)                                                                            \
    X(multi_remove_handle)                                                                         \
    X(multi_socket_action)                                                                         \
    X(multi_assign)                                                                                \
    X(multi_info_read)                                                                             \
    X(slist_append)                                                                                \
    X(slist_free_all)

struct curl_library {
/* NOLINTNEXTLINE(bugprone-macro-parentheses): the name of a member cannot stand in any */
#define MEMBER(name) __typeof__(&(curl_##name)) name;
    CURL_FUNCTIONS(MEMBER)
#undef MEMBER
};

/* NULL: it is not there or lacks something. Stays loaded. One thread. */
const struct curl_library *curl_library(void);

#endif
