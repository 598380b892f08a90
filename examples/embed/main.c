/* main.c - decisions of Sluice inside another program: a pool is described in text, told what is
 * measured, and asked every two seconds how many replicas shall serve, and why.
 *
 * Built against an installed libsluice alone:
 *   cc main.c $(pkg-config --cflags --libs sluice) -o embed
 *   cc main.c $(pkg-config --cflags sluice) -l:libsluice.a -lyaml -lm -o embed */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sluice/sluice.h>

static const char config[] = "pools:\n"
                             "  chat:\n"
                             "    target: {process: {command: 'serve --port {port}'}}\n"
                             "    minReplicas: 1\n"
                             "    maxReplicas: 8\n"
                             "    autoscaling:\n"
                             "      policy: ratio\n"
                             "      metrics: [{type: tokens-in-queue, target: 1000}]\n";

#define SECOND INT64_C(1000000000)

static int64_t tick(struct sluice *s, int64_t now_ns, double queued, int64_t ready)
{
    struct sluice_sample sample = SLUICE_INIT(struct sluice_sample);
    struct sluice_world world = SLUICE_INIT(struct sluice_world);
    struct sluice_tick tick = SLUICE_INIT(struct sluice_tick);
    struct sluice_decision decision = SLUICE_INIT(struct sluice_decision);
    char words[256];

    sample.signal = sluice_signal_find(s, 0, "tokens-in-queue");
    sample.t_ns = now_ns;
    sample.value = queued;
    sample.weight = 1;
    sluice_observe(s, &sample, 1);

    sluice_world_init(&world);
    world.ready = world.actual = ready;
    tick.now_ns = tick.wall_ns = now_ns;
    if (sluice_decide(s, &tick, &world, &decision) != 0)
        exit(1);
    printf("%3" PRId64 " s, %6.0f tokens wait: %" PRId64 " replicas\n", now_ns / SECOND, queued,
           decision.desired);
    for (uint32_t i = 0; i < decision.trail_count; i++) {
        sluice_words(s, 0, i, words, sizeof(words));
        printf("       %s\n", words);
    }
    return decision.desired;
}

/* The state goes through text, as it would through a file over a restart. */
static struct sluice *restart(struct sluice *s)
{
    struct sluice_error error = SLUICE_INIT(struct sluice_error);
    const size_t size = sluice_save(s, NULL, 0) + 1;
    char *text = malloc(size);
    if (text == NULL || sluice_save(s, text, size) != size - 1)
        exit(1);
    sluice_close(s);
    s = sluice_open("embed.yaml", config, strlen(config), &error);
    if (s == NULL || sluice_load(s, text, size - 1, &error) != 0) {
        fprintf(stderr, "%s: %s\n", error.where, error.text);
        exit(1);
    }
    free(text);
    return s;
}

int main(void)
{
    static const double queued[] = {800, 900, 5200, 5400, 2100, 0};
    struct sluice_error error = SLUICE_INIT(struct sluice_error);
    struct sluice *s = sluice_open("embed.yaml", config, strlen(config), &error);
    int64_t ready = 1;
    if (s == NULL) {
        fprintf(stderr, "%s: %s\n", error.where, error.text);
        return 1;
    }
    printf("libsluice %s\n", sluice_version());
    sluice_start(s, 0, &ready);
    for (size_t i = 0; i < sizeof(queued) / sizeof(queued[0]); i++) {
        ready = tick(s, (int64_t)(i + 1) * 30 * SECOND, queued[i], ready);
        s = restart(s);
    }
    sluice_close(s);
    return 0;
}
