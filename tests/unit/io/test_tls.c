/* test_tls.c - TLS under connections, servers and clients, with certificates made here. */
#include "io/tls.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <sys/socket.h>

#include "io/http_fetch.h"

#include <cmocka.h>

#include "certificate.h"
#include "http_world.h"

static struct certificate files;
static struct tls_context *server;
static struct tls_context *client;

static struct tls_files names(void)
{
    return (struct tls_files){.certificate = files.file, .key = files.key};
}

static int set_up(void **state)
{
    (void)state;
    certificate_open(&files);
    const struct tls_files f = names();
    must(tls_server_new(&f, &server, NULL) == RC_OK);
    must(tls_client_new(files.file, &client, NULL) == RC_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tls_context_free(server);
    tls_context_free(client);
    certificate_close(&files);
    return 0;
}

/* ---- sessions alone ---- */

struct side {
    struct tls *tls;
    struct buf wire; /* to the other */
    struct buf got;
    enum rc rc; /* the last of tls_read() */
};

/* Carries what one side wrote to the other, `step` bytes at a time. False: nothing moved. */
static bool carry(struct side *from, struct side *to, size_t step)
{
    const bool moved = from->wire.len > 0;
    for (size_t at = 0; at < from->wire.len; at += step) {
        char bytes[4096];
        size_t len = 0;
        must(tls_take(to->tls, span_slice(buf_view(&from->wire), at, step)) == RC_OK);
        while ((to->rc = tls_read(to->tls, bytes, sizeof(bytes), &len, &to->wire)) == RC_OK)
            buf_append(&to->got, bytes, len);
    }
    buf_clear(&from->wire);
    return moved;
}

static void talk(struct side *a, struct side *b, size_t step)
{
    bool moved = true;
    while (moved) {
        moved = carry(a, b, step);
        moved = carry(b, a, step) || moved;
    }
}

static void sides_open(struct side *a, struct side *b)
{
    *a = (struct side){.tls = tls_new(client, "localhost")};
    *b = (struct side){.tls = tls_new(server, NULL)};
    must(a->tls && b->tls);
    for (int i = 0; i < 2; i++) {
        buf_init(i ? &a->wire : &b->wire, 1U << 20);
        buf_init(i ? &a->got : &b->got, 1U << 20);
    }
    tls_start(a->tls, &a->wire);
}

static void sides_close(struct side *a, struct side *b)
{
    for (int i = 0; i < 2; i++) {
        struct side *s = i ? a : b;
        tls_free(s->tls);
        buf_done(&s->wire);
        buf_done(&s->got);
    }
}

static void handshake_data_and_end_pass_in_any_portion(void **state)
{
    (void)state;
    static const size_t steps[] = {1, 7, 4096};
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        struct side a, b;
        sides_open(&a, &b);
        assert_int_equal(tls_write(b.tls, span_from("early"), &b.wire), RC_AGAIN);
        talk(&a, &b, steps[i]);
        assert_true(tls_ready(a.tls) && tls_ready(b.tls));
        assert_int_equal(tls_write(a.tls, span_from("hello"), &a.wire), RC_OK);
        assert_int_equal(span_find(buf_view(&a.wire), span_from("hello"), 0), SIZE_MAX);
        assert_int_equal(tls_write(b.tls, span_from("there"), &b.wire), RC_OK);
        talk(&a, &b, steps[i]);
        assert_string_equal(buf_cstr(&b.got), "hello");
        assert_string_equal(buf_cstr(&a.got), "there");
        assert_int_equal(a.rc, RC_AGAIN);
        tls_end(b.tls, &b.wire);
        talk(&a, &b, steps[i]);
        assert_int_equal(a.rc, RC_CLOSED);
        assert_int_equal(tls_write(b.tls, span_from("late"), &b.wire), RC_IO);
        sides_close(&a, &b);
    }
}

static void a_changed_byte_ends_the_session(void **state)
{
    (void)state;
    struct side a, b;
    sides_open(&a, &b);
    talk(&a, &b, 4096);
    assert_int_equal(tls_write(a.tls, span_from("hello"), &a.wire), RC_OK);
    a.wire.ptr[a.wire.len - 1] ^= 1;
    talk(&a, &b, 4096);
    assert_int_equal(b.rc, RC_SYNTAX);
    assert_int_equal(b.got.len, 0);
    sides_close(&a, &b);
}

static void a_certificate_that_is_not_known_is_not_trusted(void **state)
{
    (void)state;
    struct side a, b;
    const struct tls_files f = names();
    certificate_write(&files, -3600, 86400, NULL); /* another one under the same name */
    assert_int_equal(tls_server_load(server, &f, NULL), RC_OK);
    sides_open(&a, &b);
    talk(&a, &b, 4096);
    assert_int_equal(a.rc, RC_SYNTAX);
    sides_close(&a, &b);
}

/* ---- files ---- */

static void fault_69_what_cannot_be_loaded_leaves_the_old_certificate_in_use(void **state)
{
    (void)state;
    struct certificate other;
    struct diag diag;
    certificate_open(&other);
    const int64_t expires_ns = tls_expires_wall_ns(server);
    assert_true(expires_ns > clock_wall_ns() && expires_ns < clock_wall_ns() + 2 * DAY_NS);
    const struct tls_files cases[] = {
        {.certificate = files.file, .key = other.key},
        {.certificate = files.key, .key = files.key},
        {.certificate = "/nonexistent", .key = files.key},
        {.certificate = files.file, .key = "/nonexistent"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(tls_server_load(server, &cases[i], &diag), RC_INVALID);
        assert_true(strstr(diag.text, cases[i].certificate) || strstr(diag.text, cases[i].key));
    }
    certificate_write(&other, -3600, 99 * 86400L, "secret");
    const struct tls_files locked = {.certificate = other.file, .key = other.key};
    assert_int_equal(tls_server_load(server, &locked, &diag), RC_INVALID);
    assert_non_null(strstr(diag.text, "passphrase"));
    assert_true(tls_expires_wall_ns(server) == expires_ns);
    struct side a, b;
    sides_open(&a, &b);
    talk(&a, &b, 4096);
    assert_true(tls_ready(a.tls) && tls_ready(b.tls));
    sides_close(&a, &b);
    certificate_close(&other);
}

static void fault_69_running_sessions_go_on_when_the_certificate_is_replaced(void **state)
{
    (void)state;
    struct side a, b, c, d;
    sides_open(&a, &b);
    talk(&a, &b, 4096);
    const struct tls_files f = names();
    certificate_write(&files, -3600, 99 * 86400L, NULL);
    assert_int_equal(tls_server_load(server, &f, NULL), RC_OK);
    assert_true(tls_expires_wall_ns(server) > clock_wall_ns() + 98 * DAY_NS);
    assert_int_equal(tls_write(a.tls, span_from("still"), &a.wire), RC_OK);
    talk(&a, &b, 4096);
    assert_string_equal(buf_cstr(&b.got), "still");
    tls_context_free(client);
    assert_int_equal(tls_client_new(files.file, &client, NULL), RC_OK);
    sides_open(&c, &d);
    talk(&c, &d, 4096);
    assert_true(tls_ready(c.tls)); /* the new one is shown */
    sides_close(&a, &b);
    sides_close(&c, &d);
}

/* ---- under a connection ---- */

struct peer_end {
    struct conn *conn;
    struct buf got;
    bool closed;
    bool pauses; /* at the first bytes */
    enum rc why;
};

static void on_bytes(void *user, struct span bytes)
{
    struct peer_end *p = user;
    buf_span(&p->got, bytes);
    if (p->pauses)
        conn_pause(p->conn);
}

static void on_end(void *user, enum rc why)
{
    struct peer_end *p = user;
    p->closed = true;
    p->why = why;
}

static const struct conn_ops end_ops = {.data = on_bytes, .closed = on_end};

/* A connection that speaks TLS as a server, and the other end of its socket as bytes. */
static void pair_open(struct loop *loop, struct peer_end *p, int *ret_fd)
{
    int fd[2];
    const struct conn_limits limits = {.high_water_bytes = 1U << 20, .low_water_bytes = 1U << 18};
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) == 0);
    *p = (struct peer_end){.closed = false};
    buf_init(&p->got, 1U << 20);
    p->conn = conn_accept(loop, fd[0], &limits, &end_ops, p);
    must(p->conn != NULL);
    conn_secure(p->conn, tls_new(server, NULL));
    *ret_fd = fd[1];
}

/* Sends what the side wrote, and reads what came for it. */
static void pump(struct side *s, int fd)
{
    char bytes[16384];
    char plain[16384];
    size_t len = 0;
    if (s->wire.len > 0)
        must(send(fd, s->wire.ptr, s->wire.len, MSG_NOSIGNAL) == (ssize_t)s->wire.len);
    buf_clear(&s->wire);
    const ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (n > 0)
        must(tls_take(s->tls, span_of(bytes, (size_t)n)) == RC_OK);
    while ((s->rc = tls_read(s->tls, plain, sizeof(plain), &len, &s->wire)) == RC_OK)
        buf_append(&s->got, plain, len);
    if (s->rc == RC_AGAIN && (n == 0 || (n < 0 && errno != EAGAIN)))
        s->rc = RC_IO; /* the socket ended, which is not the end of TLS */
}

static bool pump_until(struct loop *loop, struct side *s, int fd, const bool *done)
{
    for (int i = 0; i < 10000 && !(done ? *done : tls_ready(s->tls) && s->wire.len == 0); i++) {
        pump(s, fd);
        loop_turn(loop, false);
    }
    return done ? *done : tls_ready(s->tls);
}

struct meeting {
    struct loop *loop;
    struct peer_end p;
    struct side s;
    struct side none;
    int fd;
};

static void meet(struct meeting *m)
{
    must(loop_new(&m->loop, NULL) == RC_OK);
    pair_open(m->loop, &m->p, &m->fd);
    sides_open(&m->s, &m->none);
    assert_true(pump_until(m->loop, &m->s, m->fd, NULL));
    loop_turn(m->loop, false);
    pump(&m->s, m->fd); /* tickets */
}

static void part(struct meeting *m)
{
    if (m->p.conn)
        conn_close(m->p.conn);
    loop_settle(m->loop);
    loop_free(m->loop);
    buf_done(&m->p.got);
    sides_close(&m->s, &m->none);
    (void)close(m->fd); /* a socket of the test */
}

static void what_a_callback_writes_leaves_in_the_same_turn(void **state)
{
    (void)state;
    struct meeting m;
    meet(&m);
    conn_write(m.p.conn, span_from("data: one\n\n"));
    loop_settle(m.loop); /* the end of the callback; no other turn */
    assert_int_equal(conn_unsent(m.p.conn), 0);
    pump(&m.s, m.fd);
    assert_string_equal(buf_cstr(&m.s.got), "data: one\n\n");
    part(&m);
}

static void a_finished_connection_ends_in_order_and_a_broken_one_does_not(void **state)
{
    (void)state;
    for (int broken = 0; broken < 2; broken++) {
        struct meeting m;
        meet(&m);
        conn_write(m.p.conn, span_from("last words"));
        if (broken)
            conn_break(m.p.conn);
        else
            conn_finish(m.p.conn);
        m.p.conn = NULL;
        for (int i = 0; i < 1000 && m.s.rc == RC_AGAIN; i++) {
            loop_turn(m.loop, false);
            pump(&m.s, m.fd);
        }
        assert_string_equal(buf_cstr(&m.s.got), "last words");
        assert_int_equal(m.s.rc, broken ? RC_IO : RC_CLOSED);
        part(&m);
    }
}

static void a_paused_connection_hands_out_nothing_and_everything_later(void **state)
{
    (void)state;
    struct meeting m;
    meet(&m);
    m.p.pauses = true;
    assert_int_equal(tls_write(m.s.tls, span_from("one"), &m.s.wire), RC_OK);
    assert_int_equal(tls_write(m.s.tls, span_from("two"), &m.s.wire), RC_OK);
    tls_end(m.s.tls, &m.s.wire);
    pump(&m.s, m.fd);
    for (int i = 0; i < 10; i++)
        loop_turn(m.loop, false);
    assert_string_equal(buf_cstr(&m.p.got), "one"); /* the rest is here, and was not handed out */
    m.p.pauses = false;
    conn_resume(m.p.conn);
    assert_true(pump_until(m.loop, &m.s, m.fd, &m.p.closed));
    assert_string_equal(buf_cstr(&m.p.got), "onetwo");
    assert_int_equal(m.p.why, RC_CLOSED);
    part(&m);
}

/* ---- under a server ---- */

static void world_secure(struct world *w)
{
    struct http_server_config config;
    http_server_defaults(&config);
    config.tls = server;
    world_open(w, &config);
}

struct fetched {
    int status;
    bool done;
    char body[64];
};

static void on_fetched(void *user, const struct http_result *result)
{
    struct fetched *f = user;
    f->done = true;
    f->status = result->rc == RC_OK ? result->status : -(int)result->rc;
    (void)span_copy(result->body, f->body, sizeof(f->body));
}

static void fetch(struct world *w, struct tls_context *tls, const char *path, struct fetched *f)
{
    struct http_client_config config;
    char url[96];
    http_client_defaults(&config);
    config.tls = tls;
    struct http_client *c = http_client_new(w->loop, &config);
    (void)snprintf(url, sizeof(url), "http%s://127.0.0.1:%u%s", tls ? "s" : "",
                   (unsigned)http_server_port(w->server), path);
    const struct http_fetch_options options = {.url = span_from(url)};
    *f = (struct fetched){.done = false};
    assert_non_null(http_fetch(c, &options, on_fetched, f));
    assert_true(WIRE_UNTIL(w->loop, f->done));
    http_client_free(c);
}

static void requests_and_answers_pass_encrypted(void **state)
{
    (void)state;
    struct world w;
    struct fetched f;
    world_secure(&w);
    fetch(&w, client, "/fetched", &f);
    assert_int_equal(f.status, 200);
    assert_string_equal(f.body, "/fetched");
    fetch(&w, client, "/chunks", &f);
    assert_string_equal(f.body, "onetwo");
    world_close(&w);
}

static void plain_http_is_told_that_this_is_not_for_it(void **state)
{
    (void)state;
    struct world w;
    struct wire c;
    world_secure(&w);
    dial(&w, &c);
    wire_send(&c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(wire_expect_close(&c));
    assert_true(wire_has(&c, "HTTP/1.1 400 "));
    assert_true(wire_has(&c, "https://"));
    assert_int_equal(http_server_stats(w.server)->handled, 0);
    wire_close(&c);
    world_close(&w);
}

static void what_is_no_handshake_ends_the_connection(void **state)
{
    (void)state;
    struct world w;
    struct wire c;
    world_secure(&w);
    dial(&w, &c);
    wire_send(&c, "SSH-2.0-OpenSSH_9.2p1 Debian\r\n");
    assert_true(wire_expect_close(&c));
    assert_int_equal(http_server_stats(w.server)->connections, 0);
    wire_close(&c);
    world_close(&w);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(handshake_data_and_end_pass_in_any_portion),
        TEST(a_changed_byte_ends_the_session),
        TEST(a_certificate_that_is_not_known_is_not_trusted),
        TEST(fault_69_what_cannot_be_loaded_leaves_the_old_certificate_in_use),
        TEST(fault_69_running_sessions_go_on_when_the_certificate_is_replaced),
        TEST(what_a_callback_writes_leaves_in_the_same_turn),
        TEST(a_finished_connection_ends_in_order_and_a_broken_one_does_not),
        TEST(a_paused_connection_hands_out_nothing_and_everything_later),
        TEST(requests_and_answers_pass_encrypted),
        TEST(plain_http_is_told_that_this_is_not_for_it),
        TEST(what_is_no_handshake_ends_the_connection),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
