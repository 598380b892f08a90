/* faults_file.c - see faults_file.h. */
#include "cli/faults_file.h"

#include "cli/load.h"

bool faults_load(const char *file, struct fault_plan *ret)
{
    struct problem_list problems;
    struct buf text;
    struct diag diag = {0};
    problem_list_init(&problems);
    buf_init(&text, CONFIG_BYTES_MAX + 1);
    const enum rc rc = load_text(file, &text, &diag);
    if (rc != RC_OK)
        load_unreadable(&problems, file, &diag);
    const bool ok = rc == RC_OK && faults_read(file, buf_view(&text), &problems, ret);
    load_report(stderr, &problems, &text);
    buf_done(&text);
    problem_list_done(&problems);
    return ok;
}
