/* SPDX-License-Identifier: MIT
 * What the entry points for whole cells share. */
#ifndef TKRI_API_COPY_H
#define TKRI_API_COPY_H

#include "cell/cell.h"

/* A second cell with the same options, notes and parameters, these in `precision`. `cell` is not
 * reduced itself. The text of a failure goes to env->detail. */
int32_t tkri_cell_copy(tkr_cell **copy, const tkr_cell *cell, int32_t precision,
                       const tkr_env *env);

/* Why a call refuses a reduced cell. */
extern const char tkri_reduced_text[];

#endif
