/* SPDX-License-Identifier: MIT
 * A layer whose step, forward and backward, is a pair of functions over plain arrays: the caller's
 * own, or the library's. Here it is unrolled, streamed, and its gradients are summed. */
#ifndef TKRI_LAYER_STEPWISE_H
#define TKRI_LAYER_STEPWISE_H

#include "layer/states.h"

enum { TKRI_USER_PARAMETERS = 32, TKRI_USER_STATES = 8 };

/* What the net keeps of such a layer, `own`, or at the beginning of it. */
typedef struct tkri_stepwise {
    int32_t (*forward)(const struct tkri_stepwise *own, const tkr_user_step *step);
    int32_t (*backward)(const struct tkri_stepwise *own, const tkr_user_step *step);
    int64_t output,
        saved; /* O; floats for each row that forward leaves, a multiple of 16 of ours */
    int64_t n_parameters, n_states;
    int64_t parameter[TKRI_USER_PARAMETERS];                   /* offsets */
    int64_t end;                                               /* behind the last */
    int64_t width[TKRI_USER_STATES], column[TKRI_USER_STATES]; /* of the states, their slots */
    char name[TKRI_PATH_LEN];                                  /* of the part, for texts */
} tkri_stepwise;

/* List the next parameter or state. */
void tkri_stepwise_parameter(tkri_builder *b, tkri_stepwise *own, const tkri_parameter_spec *spec);
void tkri_stepwise_state(tkri_builder *b, tkri_stepwise *own, int64_t tensor, int64_t width);

/* The layer itself: own_bytes from `own` on are kept. `refresh`, or NULL, is the layer's. */
tkri_wire tkri_stepwise_build(tkri_builder *b, tkri_wire in, tkri_stepwise *own, uint64_t own_bytes,
                              void (*refresh)(tkr_cell *cell, const tkri_layer *layer));

#endif
