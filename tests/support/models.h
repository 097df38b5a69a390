/* SPDX-License-Identifier: MIT
 * Small cells of every kind with every option, for tests of files. */
#ifndef TESTS_SUPPORT_MODELS_H
#define TESTS_SUPPORT_MODELS_H

#include "support/twin.h"

/* A cell, or a chain if n > 1, of I inputs; `ids`: it takes ids. */
typedef struct model {
    const char *label;
    orc_spec specs[4];
    int64_t n;
    int ids;
} model;

enum { MODELS_I = 5 };

extern const model models[];
extern const int models_len;

/* Has it a state? Does a layer go from the last step to the first? */
int models_carries(const model *which);
int models_goes_back(const model *which);

/* Make it, initialised with that seed. */
tkr_cell *models_make(const model *which, uint64_t seed, const tkr_env *env);

#endif
