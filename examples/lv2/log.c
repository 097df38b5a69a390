/* SPDX-License-Identifier: MIT */
#include <stdarg.h>

#include "rnn.h"

void rnn_log(const rnn *self, const char *format, ...) {
    if (self->log == NULL || self->log->vprintf == NULL) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    self->log->vprintf(self->log->handle, self->urids.log_error, format, arguments);
    va_end(arguments);
}
