/* SPDX-License-Identifier: MIT
 * Other people's networks as cells. The names of parts are theirs where a name may be like that. */
#ifndef TESTS_GOLDEN_NETS_H
#define TESTS_GOLDEN_NETS_H

#include "golden/golden.h"

/* The network that the notes of the file describe, not initialised. Fails the test if it cannot be
 * built. */
tkr_cell *nets_build(tensors_file *file, const tkr_env *env);

#endif
