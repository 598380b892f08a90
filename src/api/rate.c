#include "api/rate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/mem.h"

struct bucket {
    char source[64];
    double left;
    int64_t seen_ns;
    bool used;
};

struct rate {
    double per_second;
    double burst;
    struct bucket bucket[RATE_SOURCES_MAX];
};

struct rate *rate_new(double per_second, double burst)
{
    struct rate *rate = mem_new(1, sizeof(*rate));
    if (rate == NULL)
        return NULL;
    rate->per_second = per_second;
    rate->burst = burst;
    return rate;
}

void rate_free(struct rate *rate)
{
    free(rate);
}

static struct bucket *find(struct rate *rate, const char *source)
{
    struct bucket *oldest = &rate->bucket[0];
    for (size_t i = 0; i < RATE_SOURCES_MAX; i++) {
        struct bucket *bucket = &rate->bucket[i];
        if (!bucket->used)
            return bucket;
        if (strcmp(bucket->source, source) == 0)
            return bucket;
        if (bucket->seen_ns < oldest->seen_ns)
            oldest = bucket;
    }
    oldest->used = false;
    return oldest;
}

bool rate_take(struct rate *rate, struct span source, int64_t now_ns, int64_t *ret_wait_ns)
{
    char name[64];
    (void)span_copy(source, name, sizeof(name)); /* a longer one shares its bucket */
    struct bucket *bucket = find(rate, name);
    if (!bucket->used) {
        *bucket = (struct bucket){.left = rate->burst, .seen_ns = now_ns, .used = true};
        memcpy(bucket->source, name, sizeof(name));
    }
    bucket->left =
        fmin(rate->burst, bucket->left + seconds_of(now_ns - bucket->seen_ns) * rate->per_second);
    bucket->seen_ns = now_ns;
    if (bucket->left >= 1) {
        bucket->left -= 1;
        return true;
    }
    *ret_wait_ns = ns_of_seconds((1 - bucket->left) / rate->per_second);
    return false;
}
