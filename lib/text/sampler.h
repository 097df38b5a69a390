/* SPDX-License-Identifier: MIT
 * Drawing an id from scores, in double, without allocating. */
#ifndef TKRI_TEXT_SAMPLER_H
#define TKRI_TEXT_SAMPLER_H

#include "core/env.h"
#include "core/options.h"
#include "core/random.h"

/* One block. */
struct tkr_sampler {
    tkri_env env;
    tkri_detail detail;
    uint64_t bytes; /* of the block */
    int32_t capacity;
    tkri_options options; /* of one kind */
    tkri_random random;
    double *weight; /* [capacity] exp((score - largest) / temperature) */
    int32_t *order; /* [capacity] a heap of ids by score */
};

int32_t tkri_sampler_create(tkr_sampler **sampler, int32_t capacity, uint64_t seed,
                            const tkri_env *env);
void tkri_sampler_destroy(tkr_sampler *sampler);

/* Draw from scores [n], 1 <= n <= capacity. */
int32_t tkri_sampler_draw(tkr_sampler *sampler, int32_t *id, const float *scores, int32_t n);

/* The random state as four words: version, seed, stream, index. Putting back another version's is
 * TKR_ERR_ARGUMENT. */
void tkri_sampler_get_random(const tkr_sampler *sampler, uint64_t *random);
int32_t tkri_sampler_set_random(tkr_sampler *sampler, const uint64_t *random);

#endif
