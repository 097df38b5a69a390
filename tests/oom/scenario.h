/* SPDX-License-Identifier: MIT
 * A scenario is one public call in a world of its own. Every public function has at least one:
 * tests/abi/scenarios.py compares the list with the header. */
#ifndef TESTS_OOM_SCENARIO_H
#define TESTS_OOM_SCENARIO_H

#include <stddef.h>

#include "support/world.h"

enum { NO, YES, MAYBE };

typedef struct scenario {
    const char *call;           /* the function; "/variant" after it where there are several */
    int32_t (*run)(world *w);   /* the call, nothing else */
    int32_t (*ready)(world *w); /* what has to come before it, or NULL */
    char makes;                 /* what it puts into w->made, see world_destroy(); 0 nothing */
    char allocates;             /* may it ask the allocator? NO is held as strictly as YES */
} scenario;

/* Each ends with a row whose call is NULL. */
extern const scenario cell_scenarios[], file_scenarios[], state_scenarios[], sequence_scenarios[],
    optimizer_scenarios[], text_scenarios[], ngram_scenarios[], ngram_file_scenarios[],
    mix_scenarios[], part_scenarios[];

#endif
