/* SPDX-License-Identifier: MIT
 * Two cells side by side over the caller's steps. */
#ifndef TKRI_TRAIN_COMPARE_H
#define TKRI_TRAIN_COMPARE_H

#include "seq/seq.h"

/* A cell, a state of it for the trial's batch, at its start, and room for one step's outputs. */
typedef struct tkri_side {
    const tkr_cell *cell;
    tkr_state *state;
    float *y;    /* [B][O] */
    double loss; /* receives the loss, 0 without targets */
} tkri_side;

/* Step both through the trial, which is valid. report [TKR_REPORT_LEN] as tkr_cell_compare(), not
 * finite as soon as an output is not. A step's failure ends it. */
int32_t tkri_compare(double *report, tkri_side side[2], const tkr_trial *trial);

#endif
