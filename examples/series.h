/* SPDX-License-Identifier: MIT
 * series_forecast's two halves: the founding page's curve, and a column of a CSV file. */
#ifndef EXAMPLES_SERIES_H
#define EXAMPLES_SERIES_H

#include "common.h"

typedef struct series_options {
    const char *csv, *column, *picture;
    int64_t header, decimal, horizon, ahead, season, difference, log;
    int64_t cell, hidden, steps, batch, iterations;
    int64_t seed, seeds, threads;
    double rate, clip;
} series_options;

/** How a net is trained: Adam's rate and second decay, the clip, a TKR_SCHEDULE_... */
typedef struct series_recipe {
    const char *name;
    double rate, clip, beta2;
    int64_t schedule, iterations;
} series_recipe;

/** f(t) = t sin(t)/3 + 2 sin(5t): learn it up to t = 30, then forecast 40 steps. */
void series_curve(const series_options *set);

/** Learn a column of a file, all but its last values, and forecast those. */
void series_csv(const series_options *set);

/** Adam as a recipe says. */
tkr_optimizer *series_adam(tkr_cell *net, const series_recipe *how, tkr_env *env);

/** One iteration on [steps][batch][1] inputs and targets: the loss before the update. */
double series_iteration(tkr_sequence *seq, tkr_optimizer *adam, const float *input,
                        const float *target, int64_t steps, int64_t batch);

/** sqrt(mean((a - b)^2)) */
double series_rmse(const double *a, const double *b, int64_t n);

#endif
