/* SPDX-License-Identifier: MIT
 * How a call fails: a status, and a text of what was wrong in the object that it failed on. */
#ifndef TKRI_CORE_STATUS_H
#define TKRI_CORE_STATUS_H

#include <stdint.h>

#include <tekrar/tekrar.h>

/* The last failure's text; a member of every object. */
typedef struct tkri_detail {
    char text[240];
} tkri_detail;

#if defined(__GNUC__)
#define TKRI_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define TKRI_PRINTF(f, a)
#endif

/* Write the text (cut to fit) and return `status`. `detail` may be NULL. */
int32_t tkri_fail(tkri_detail *detail, int32_t status, const char *format, ...) TKRI_PRINTF(3, 4);

/* Forward a failure. */
#define TRY(call)                     \
    do {                              \
        int32_t try_status_ = (call); \
        if (try_status_ < 0) {        \
            return try_status_;       \
        }                             \
    } while (0)

/* Forward a failure past a clean-up: sets `status` and jumps to `fail`. */
#define TRY_OR_FAIL(call) \
    do {                  \
        status = (call);  \
        if (status < 0) { \
            goto fail;    \
        }                 \
    } while (0)

/* Refuse a call: REQUIRE(seq->ran, &seq->detail, TKR_ERR_ORDER, "no forward was run"). */
#define REQUIRE(condition, detail, status, ...)                \
    do {                                                       \
        if (!(condition)) {                                    \
            return tkri_fail((detail), (status), __VA_ARGS__); \
        }                                                      \
    } while (0)

#endif
