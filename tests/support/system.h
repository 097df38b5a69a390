/* SPDX-License-Identifier: MIT
 * Makes the system calls of saving and loading fail, be interrupted, do half their work, or be the
 * last thing that the process does. A test that wants it adds support/system.c to its sources,
 * which then stand before the C library's own functions. */
#ifndef TESTS_SUPPORT_SYSTEM_H
#define TESTS_SUPPORT_SYSTEM_H

#include <stdint.h>

enum {
    SYSTEM_OPEN,
    SYSTEM_READ,
    SYSTEM_WRITE,
    SYSTEM_SYNC,
    SYSTEM_CLOSE,
    SYSTEM_RENAME,
    SYSTEM_UNLINK,
    SYSTEM_OWNER, /* fchown() */
    SYSTEM_MODE,  /* fchmod() */
    SYSTEM_KINDS
};

/* Instead of an error number: the call does only a part of its work, and says so; or nothing, and
 * says so (a write of 0 bytes). */
enum { SYSTEM_SHORT = -1, SYSTEM_NOTHING = -2 };

/* Start counting anew; nothing fails. */
void system_reset(void);

/* The k-th call (from 0) of this kind fails with `error`. Closes and unlinks are done all the same.
 */
void system_fail(int kind, int64_t k, int error);

/* The process kills itself, by SIGKILL, in the place of the k-th call of any kind; -1: never. */
void system_kill(int64_t k);

/* Calls of a kind since the reset. */
int64_t system_calls(int kind);

#endif
