/* replay.c - runs a fuzz target over every file of the folders given, where no fuzzing engine is
 * linked: the committed corpus stays a test of every build. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define INPUT_BYTES_MAX ((size_t)1 << 24)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rbe");
    if (!file) {
        perror(path);
        return 1;
    }
    uint8_t *bytes = malloc(INPUT_BYTES_MAX);
    const size_t size = bytes ? fread(bytes, 1, INPUT_BYTES_MAX, file) : 0;
    const int bad = !bytes || ferror(file) != 0;
    (void)fclose(file); /* opened for reading only */
    if (!bad) {
        /* A copy of the exact size, so that a sanitizer sees one byte too far. */
        uint8_t *exact = malloc(size > 0 ? size : 1);
        if (exact) {
            for (size_t i = 0; i < size; i++)
                exact[i] = bytes[i];
            (void)LLVMFuzzerTestOneInput(exact, size);
        }
        free(exact);
    }
    free(bytes);
    return bad;
}

static int run_folder(const char *folder, size_t *count)
{
    DIR *dir = opendir(folder);
    if (!dir) {
        perror(folder);
        return 1;
    }
    int bad = 0;
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        char path[4096];
        struct stat status;
        const int n = snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (n < 0 || (size_t)n >= sizeof(path) || stat(path, &status) != 0 ||
            !S_ISREG(status.st_mode))
            continue;
        bad |= run_file(path);
        (*count)++;
    }
    (void)closedir(dir); /* only read */
    return bad;
}

int main(int argc, char **argv)
{
    size_t count = 0;
    int bad = 0;
    for (int i = 1; i < argc; i++)
        bad |= run_folder(argv[i], &count);
    printf("%zu inputs\n", count);
    return bad || count == 0;
}
