/* SPDX-License-Identifier: MIT
 * Status texts and the version. */
#include <stddef.h>

#include <tekrar/tekrar.h>

#define TEXT_OF(n) #n
#define TEXT(n) TEXT_OF(n)

const char *tkr_status_text(int32_t status) {
    static const char *const text[] = {
        "ok",
        "argument: a NULL or a value out of its range",
        "shape: a size or length that does not fit",
        "key: no such option, parameter or state tensor",
        "order: a call before the one it needs, or too late",
        "memory: the allocator failed, or a size is too large",
        "numeric: NaN or infinity where a number is needed",
        "token: an id outside the vocabulary",
        "io: the system, a reader or a writer refused",
        "format: not a well-formed file",
        "mismatch: a file that does not fit this object",
        "unsupported on this machine, in this build or in this combination",
    };
    const int32_t n = (int32_t)(sizeof text / sizeof *text);
    return status <= 0 && status > -n ? text[-status] : "unknown status";
}

int32_t tkr_version(void) {
    return TKR_VERSION_MAJOR * 1000000 + TKR_VERSION_MINOR * 1000 + TKR_VERSION_PATCH;
}

const char *tkr_version_text(void) {
    return TEXT(TKR_VERSION_MAJOR) "." TEXT(TKR_VERSION_MINOR) "." TEXT(TKR_VERSION_PATCH);
}
