/* SPDX-License-Identifier: MIT
 * Losses over the rows of a sequence's last forward. */
#ifndef TKRI_TRAIN_LOSS_H
#define TKRI_TRAIN_LOSS_H

#include "seq/seq.h"

/* Squared error or binary cross-entropy of one row of n outputs; dy (may be NULL) = w dL/dy. */
double tkri_loss_row(int32_t kind, const float *y, const float *target, int64_t n, float *dy,
                     double w);

/* Can a loss that takes logits, or another one, be had of this net's outputs? */
int32_t tkri_loss_fits(const tkri_net *net, int32_t logits, tkri_detail *detail);

/* Compute the loss and leave dL/doutput in the sequence. ids or values is NULL; kind is a
 * TKR_MSE... for values. Statuses as tkr_sequence_loss_ids(). */
int32_t tkri_loss(tkr_sequence *seq, double *loss, const int32_t *ids, const float *values,
                  int32_t kind, const float *weights);

#endif
