/* SPDX-License-Identifier: MIT
 * The public gradient checker on a twin of the library alone, as a user would run it. */
#ifndef TESTS_SUPPORT_DIFFERENCES_H
#define TESTS_SUPPORT_DIFFERENCES_H

#include "support/twin.h"

/* What the checker's documentation calls correct. */
#define DIFFERENCES_LIMIT 0.01

/* After twin_shape() for training with the input's gradient: forward and backward, then the loss
 * sum output * doutput + sum final state * dstate in every parameter, the input unless it is ids,
 * and a given initial state. Fails the test where a gradient is off, or, if `planted`, where a
 * wrong one is not seen. */
void differences_check(twin *t, int planted);

/* How far the gradient of one parameter is off, by the sequence's options as they are. */
double differences_worst(twin *t, const orc_tensor *p);

#endif
