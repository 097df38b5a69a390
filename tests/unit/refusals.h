/* SPDX-License-Identifier: MIT
 * A refused call: the status that the header promises, a text that says what was wrong, handle
 * outputs NULL, every other output untouched, every object as it was. */
#ifndef TESTS_UNIT_REFUSALS_H
#define TESTS_UNIT_REFUSALS_H

#include "support/support.h"
#include "support/world.h"

/* `call` on objects that a text can be left in: `detail` is where it is found, or NULL where there
 * is none (const objects, NULL handles). */
#define REFUSES(w, status, detail, call)                                         \
    do {                                                                         \
        refusal refusal_ = refusal_begin(w);                                     \
        int32_t status_ = (call);                                                \
        refusal_end(&refusal_, status_, (status), (detail), 0, #call, __LINE__); \
    } while (0)

/* The same of a call that puts a handle into w->made. */
#define REFUSES_TO_MAKE(w, status, call)                                            \
    do {                                                                            \
        refusal refusal_ = refusal_begin(w);                                        \
        int32_t status_ = (call);                                                   \
        refusal_end(&refusal_, status_, (status), (w)->detail, 1, #call, __LINE__); \
    } while (0)

/* What the world was before the call. */
typedef struct refusal {
    world *w;
    uint64_t before;
    world_arrays io;
} refusal;

refusal refusal_begin(world *w);
void refusal_end(const refusal *r, int32_t status, int32_t expected, const char *detail, int makes,
                 const char *call, int line);

/* CMocka's fixtures: a world in *state, on its own heap. */
int refusal_setup(void **state);
int refusal_teardown(void **state);

#endif
