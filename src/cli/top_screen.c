#include "cli/top_screen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/duration.h"
#include "base/span.h"

static struct {
    struct termios before;
    bool open;
    volatile sig_atomic_t ended;
} screen;

static void on_signal(int number)
{
    if (number != SIGWINCH) /* that one only wakes poll() */
        screen.ended = 1;
}

bool screen_open(void)
{
    struct termios raw;
    struct sigaction action = {.sa_handler = on_signal};
    if (isatty(STDOUT_FILENO) != 1 || tcgetattr(STDIN_FILENO, &screen.before) != 0)
        return false;
    static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH};
    for (size_t i = 0; i < COUNT_OF(caught); i++)
        (void)sigaction(caught[i], &action, NULL); /* cannot fail for these */
    raw = screen.before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) != 0)
        return false;
    screen.open = true;
    (void)fputs("\033[?1049h\033[?25l", stdout); /* seen at the next flush */
    return true;
}

void screen_close(void)
{
    if (!screen.open)
        return;
    screen.open = false;
    (void)fputs("\033[?25h\033[?1049l", stdout);
    (void)fflush(stdout); /* the terminal may be gone */
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &screen.before);
}

struct screen_size screen_size(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0)
        return (struct screen_size){80, 24};
    return (struct screen_size){size.ws_col, size.ws_row};
}

int screen_key(int64_t wait_ns)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    char key = 0;
    if (screen.ended == 0 && poll(&input, 1, (int)(wait_ns / MILLISECOND_NS)) > 0) {
        const ssize_t got = read(STDIN_FILENO, &key, 1);
        if (got == 0 || (got < 0 && errno != EINTR))
            return 'q';
    }
    return screen.ended != 0 ? 'q' : key;
}

/* One line, cut to the width. Only we write escapes: outside text was made safe before. */
static void put_line(struct buf *out, struct span line, size_t columns)
{
    size_t used = 0;
    for (size_t i = 0; i < line.len; i++) {
        const char c = line.ptr[i];
        if (c == '\033') { /* ESC [ ... m takes no place */
            while (i < line.len && line.ptr[i] != 'm')
                buf_byte(out, line.ptr[i++]);
            buf_byte(out, 'm');
            continue;
        }
        used += ((unsigned char)c & 0xc0) != 0x80;
        if (used <= columns)
            buf_byte(out, c);
    }
    buf_text(out, "\033[0m\033[K");
}

bool screen_show(struct buf *text)
{
    struct buf out;
    const struct screen_size size = screen_size();
    struct span left = buf_view(text);
    buf_init(&out, (size_t)4 << 20);
    buf_text(&out, "\033[H");
    for (size_t i = 0; i < size.lines && left.len > 0; i++) {
        size_t end = span_find_byte(left, '\n', 0);
        end = end == SIZE_MAX ? left.len : end;
        buf_text(&out, i > 0 ? "\r\n" : "");
        put_line(&out, span_slice(left, 0, end), size.columns);
        left = span_slice(left, end + 1, left.len);
    }
    buf_text(&out, "\033[J");
    const bool whole = fwrite(out.ptr, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
    buf_done(&out);
    return whole;
}
