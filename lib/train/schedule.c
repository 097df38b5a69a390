/* SPDX-License-Identifier: MIT
 * Learning rates over time: a linear warm-up, then constant, steps, or a half cosine (Loshchilov &
 * Hutter 2017, without restarts). */
#include <math.h>

#include "train/optimizer.h"

int32_t tkri_schedule_is_set(const tkr_optimizer *opt) {
    return tkri_options_int(&opt->options, TKR_SCHEDULE) == TKR_SCHEDULE_CONSTANT ||
           tkri_options_int(&opt->options, TKR_SCHEDULE_STEPS) > 0;
}

double tkri_schedule_rate(const tkr_optimizer *opt, int64_t steps) {
    const tkri_options *options = &opt->options;
    const double base = tkri_options_real(options, TKR_LEARNING_RATE);
    const double floor_share = tkri_options_real(options, TKR_SCHEDULE_FLOOR);
    const int64_t warm = tkri_options_int(options, TKR_WARMUP_STEPS);
    const int64_t interval = tkri_options_int(options, TKR_SCHEDULE_STEPS);
    if (steps < warm) {
        return base * (double)(steps + 1) / (double)warm;
    }
    const int64_t s = steps - warm;
    switch (tkri_options_int(options, TKR_SCHEDULE)) {
        case TKR_SCHEDULE_STEP:
            return base *
                   pow(tkri_options_real(options, TKR_SCHEDULE_FACTOR), (double)(s / interval));
        case TKR_SCHEDULE_COSINE: {
            const double done = (double)tkri_min(s, interval) / (double)interval;
            const double cosine = (1 + cos(3.141592653589793 * done)) / 2;
            return base * (floor_share + (1 - floor_share) * cosine);
        }
        default:
            return base;
    }
}
