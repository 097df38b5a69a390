/* SPDX-License-Identifier: MIT */
#include "unit/refusals.h"

#include <string.h>

static char poison;

refusal refusal_begin(world *w) {
    refusal r = {.w = w, .before = world_fingerprint(w), .io = w->io};
    w->made.any = &poison;
    memset(w->detail, 0, sizeof w->detail);
    return r;
}

static void expect_that(int condition, const char *what, const char *call, int line) {
    if (!condition) {
        print_error("line %d: %s: %s\n", line, what, call);
        fail();
    }
}

void refusal_end(const refusal *r, int32_t status, int32_t expected, const char *detail, int makes,
                 const char *call, int line) {
    world *w = r->w;
    if (status != expected) {
        print_error("line %d: %s, not %s: %s\n", line, tkr_status_text(status),
                    tkr_status_text(expected), call);
        fail();
    }
    expect_that(!detail || detail[0], "no text was left", call, line);
    expect_that(w->made.any == (makes ? NULL : (void *)&poison), "the handle output is wrong", call,
                line);
    expect_that(memcmp(&w->io, &r->io, sizeof w->io) == 0, "an output was written", call, line);
    expect_that(world_fingerprint(w) == r->before, "an object has changed", call, line);
}

int refusal_setup(void **state) {
    *state = world_create(1, 0);
    return *state == NULL;
}

int refusal_teardown(void **state) {
    return !world_destroy(*state, 0);
}
