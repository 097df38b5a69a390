/* SPDX-License-Identifier: MIT
 * The table of kinds: TKRI_KINDS(X) is X(name) of every kind of this build. */
#include <string.h>

#include "layer/layer.h"

#define DECLARE(kind) extern const tkri_kind tkri_kind_##kind;
#define ADDRESS(kind) &tkri_kind_##kind,

TKRI_KINDS(DECLARE)
static const tkri_kind *const kinds[] = {TKRI_KINDS(ADDRESS)};

enum { N_KINDS = sizeof kinds / sizeof *kinds };

const tkri_kind *tkri_kind_of(int32_t number) {
    for (int i = 0; i < N_KINDS; i++) {
        if (kinds[i]->number == number) {
            return kinds[i];
        }
    }
    return NULL;
}

const tkri_kind *tkri_kind_named(const char *name, uint64_t len) {
    for (int i = 0; i < N_KINDS; i++) {
        if (strlen(kinds[i]->name) == len && memcmp(kinds[i]->name, name, (size_t)len) == 0) {
            return kinds[i];
        }
    }
    return NULL;
}
