/* wire.h - for tests: a raw TCP client that runs the loop until what it waits for has come. */
#ifndef SLUICE_TESTS_WIRE_H
#define SLUICE_TESTS_WIRE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/clock.h"
#include "io/conn.h"

#define WIRE_WAIT_NS (60 * SECOND_NS)

struct wire {
    struct loop *loop;
    struct conn *conn;
    struct buf got;
    bool closed;
    enum rc why;
};

static void wire_data(void *user, struct span bytes)
{
    struct wire *wire = user;
    buf_span(&wire->got, bytes);
}

static void wire_closed(void *user, enum rc why)
{
    struct wire *wire = user;
    wire->closed = true;
    wire->why = why;
}

static const struct conn_ops wire_ops = {.data = wire_data, .closed = wire_closed};

static inline void wire_open(struct wire *wire, struct loop *loop, uint16_t port)
{
    struct address address;
    const struct conn_limits limits = {.high_water_bytes = 1U << 20, .low_water_bytes = 1U << 18};
    *wire = (struct wire){.loop = loop};
    buf_init(&wire->got, 1U << 26);
    if (address_parse(span_from("127.0.0.1"), port, &address) != RC_OK)
        abort();
    wire->conn = conn_connect(loop, &address, &limits, &wire_ops, wire);
}

static inline void wire_send(struct wire *wire, const char *text)
{
    conn_write(wire->conn, span_from(text));
}

static inline void wire_close(struct wire *wire)
{
    if (wire->conn)
        conn_close(wire->conn);
    wire->conn = NULL;
    buf_done(&wire->got);
}

/* Runs the loop until the condition holds; false after a minute. */
#define WIRE_UNTIL(loop_, condition_)                                                              \
    __extension__({                                                                                \
        struct timer wire_timer_ = {0};                                                            \
        const int64_t wire_end_ = clock_monotonic_ns() + WIRE_WAIT_NS;                             \
        if (timer_init(&wire_timer_, (loop_), wire_nothing, NULL) != RC_OK)                        \
            abort();                                                                               \
        timer_at(&wire_timer_, wire_end_);                                                         \
        while ((loop_settle(loop_), !(condition_)) && clock_monotonic_ns() < wire_end_)            \
            loop_turn((loop_), true);                                                              \
        timer_done(&wire_timer_);                                                                  \
        (condition_);                                                                              \
    })

static inline void wire_nothing(void *user)
{
    (void)user;
}

static inline bool wire_has(struct wire *wire, const char *text)
{
    return span_find(buf_view(&wire->got), span_from(text), 0) != SIZE_MAX;
}

static inline size_t wire_count(const struct wire *wire, const char *text)
{
    size_t n = 0;
    for (size_t at = 0; (at = span_find(buf_view(&wire->got), span_from(text), at)) != SIZE_MAX;
         at++)
        n++;
    return n;
}

/* Runs until the text came, or the connection ended without it. */
static inline bool wire_expect(struct wire *wire, const char *text)
{
    (void)WIRE_UNTIL(wire->loop, wire_has(wire, text) || wire->closed);
    return wire_has(wire, text);
}

static inline bool wire_expect_close(struct wire *wire)
{
    return WIRE_UNTIL(wire->loop, wire->closed);
}

#endif
