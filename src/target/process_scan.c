/* process_scan.c - engines that run already: found by their mark, checked, adopted (FAULTS 72). */
#include "target/process_internal.h"

void process_scan(struct targets *t, const struct recorded *recorded, size_t count)
{
    (void)t, (void)recorded, (void)count;
}

size_t process_end_leftovers(const struct targets *t, uint64_t replica)
{
    (void)t, (void)replica;
    return 0;
}
