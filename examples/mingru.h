/* SPDX-License-Identifier: MIT
 * A cell of one's own: the minGRU of Feng & others, "Were RNNs all we needed?" (2024). */
#ifndef EXAMPLES_MINGRU_H
#define EXAMPLES_MINGRU_H

#include <tekrar/tekrar.h>

/* A minGRU of `hidden` units over `input` inputs, to be destroyed like any cell. */
int32_t mingru_create(tkr_cell **cell, int64_t input, int64_t hidden, const tkr_env *env);

#endif
