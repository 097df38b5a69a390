/* SPDX-License-Identifier: MIT
 * The table of kinds. */
#include <string.h>

#include "layer/layer.h"

#define KINDS(X)                                                                            \
    X(elman)                                                                                \
    X(lstm) X(gru) X(linear) X(embedding) X(dropout) X(chain) X(branch) X(select) X(affine) \
        X(norm) X(activate) X(last) X(conv)

#define DECLARE(name) extern const tkri_kind tkri_kind_##name;
#define LIST(name) &tkri_kind_##name,

KINDS(DECLARE)
static const tkri_kind *const kinds[] = {KINDS(LIST)};

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
