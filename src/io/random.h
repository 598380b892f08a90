/* random.h - seeds and identities from the kernel. What must be reproducible uses base/rng.h. */
#ifndef SLUICE_IO_RANDOM_H
#define SLUICE_IO_RANDOM_H

#include <stddef.h>
#include <stdint.h>

void random_bytes(void *ret, size_t size); /* never fails: aborts without a random source */
uint64_t random_u64(void);
/* Lower-case hex, two characters per byte, and a NUL: ret_text holds 2 * bytes + 1. */
void random_hex(size_t bytes, char *ret_text);

#endif
