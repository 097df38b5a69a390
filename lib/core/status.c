/* SPDX-License-Identifier: MIT */
#include "core/status.h"

#include <stdarg.h>
#include <stdio.h>

int32_t tkri_fail(tkri_detail *detail, int32_t status, const char *format, ...) {
    if (detail) {
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(detail->text, sizeof detail->text, format, arguments);
        va_end(arguments);
    }
    return status;
}
