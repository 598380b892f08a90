/* web_file.h - the files of the dashboard inside the binary; made by tools/embed-web from web/ and
 * uPlot. */
#ifndef SLUICE_API_WEB_FILE_H
#define SLUICE_API_WEB_FILE_H

#include <stddef.h>

struct web_file {
    const char *name; /* in the address: /assets/NAME */
    const char *type;
    const char *etag; /* of the plain bytes, in quotes */
    const unsigned char *plain;
    size_t plain_len;
    const unsigned char *packed; /* gzip */
    size_t packed_len;
};
extern const struct web_file web_files[];
extern const size_t web_file_count;

#endif
