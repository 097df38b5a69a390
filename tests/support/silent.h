/* SPDX-License-Identifier: MIT
 * Proof that a piece of work makes no system call: it runs in a forked child whose every system
 * call but its exit is caught by seccomp. */
#ifndef TESTS_SUPPORT_SILENT_H
#define TESTS_SUPPORT_SILENT_H

#include <stdint.h>

enum {
    SILENT_YES,    /* the work returned 0 and made no system call */
    SILENT_NO,     /* it made one */
    SILENT_FAILED, /* it returned something else than 0, or died */
    SILENT_UNABLE, /* this system has no seccomp or no fork: the test is to be skipped */
};

/* Run work(argument) in the child. Unless SILENT_YES, the reason is printed. */
int silent_run(int32_t (*work)(void *argument), void *argument);

#endif
