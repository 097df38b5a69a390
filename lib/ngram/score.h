/* SPDX-License-Identifier: MIT
 * Totals over scored ids, of whatever model gave the probabilities. */
#ifndef TKRI_NGRAM_SCORE_H
#define TKRI_NGRAM_SCORE_H

#include <math.h>
#include <string.h>

#include "core/status.h"

/* Copy the caller's totals, as far as its struct goes. */
static inline int32_t tkri_score_read(tkr_score *sum, const tkr_score *from) {
    memset(sum, 0, sizeof *sum);
    if (!from || from->size < sizeof from->size) {
        return TKR_ERR_ARGUMENT;
    }
    memcpy(sum, from, from->size < sizeof *sum ? (size_t)from->size : sizeof *sum);
    return TKR_OK;
}

/* Count one id of this probability. */
static inline void tkri_score_add(tkr_score *sum, double logprob, int unknown) {
    int possible = logprob > -INFINITY;
    sum->symbols++;
    sum->unknown += unknown != 0;
    sum->impossible += !possible;
    sum->impossible_unknown += unknown && !possible;
    if (possible) {
        sum->nats -= logprob;
        sum->unknown_nats -= unknown ? logprob : 0;
    }
}

/* Work out the means and put everything back, as far as the caller's struct goes. */
void tkri_score_write(tkr_score *to, tkr_score *sum);

#endif
