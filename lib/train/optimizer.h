/* SPDX-License-Identifier: MIT
 * Optimizers: one loop over the flat parameters, with moments of the same layout. */
#ifndef TKRI_TRAIN_OPTIMIZER_H
#define TKRI_TRAIN_OPTIMIZER_H

#include "core/options.h"
#include "seq/seq.h"

/* Which kinds have what; `kind` is a TKR_SGD... */
extern const tkri_option tkri_optimizer_options[];

struct tkr_optimizer {
    tkri_env env;
    tkri_detail detail;
    tkr_cell *cell;
    uint64_t bytes;
    tkri_options options;
    double *numbers;       /* one for each slice of the parameters: what a pass over them leaves */
    float *first, *second; /* moments [numbers]; second NULL where the rule has none */
    uint64_t known;        /* version of the cell when `largest` was the largest magnitude of its */
    double largest;        /* parameters and the moments; UINT64_MAX: none yet */
};

void tkri_optimizer_place(tkr_optimizer *opt, tkri_arena *arena, int32_t kind, int64_t numbers);

/* schedule.c: does the schedule know its length? The rate after `steps` steps. */
int32_t tkri_schedule_is_set(const tkr_optimizer *opt);
double tkri_schedule_rate(const tkr_optimizer *opt, int64_t steps);

/* Clip, update, zero. TKR_ERR_NUMERIC changes nothing. */
int32_t tkri_optimizer_step(tkr_optimizer *opt, tkr_sequence *seq);

#endif
