/* SPDX-License-Identifier: MIT
 *
 * series_forecast: a recurrent net learns a time series and continues it.
 *
 *   series_forecast                              the founding page's curve
 *   series_forecast --csv FILE --column price    a column of a file, beside the naive forecasts
 */
#include "series.h"

#include <math.h>

tkr_optimizer *series_adam(tkr_cell *net, const series_recipe *how, tkr_env *env) {
    tkr_optimizer *adam;
    ex_try(env, tkr_optimizer_create(&adam, TKR_ADAM, net, env));
    ex_try(adam, tkr_optimizer_set_float(adam, TKR_LEARNING_RATE, how->rate));
    ex_try(adam, tkr_optimizer_set_float(adam, TKR_CLIP_NORM, how->clip));
    ex_try(adam, tkr_optimizer_set_float(adam, TKR_BETA2, how->beta2));
    ex_try(adam, tkr_optimizer_set_int(adam, TKR_SCHEDULE, how->schedule));
    ex_try(adam, tkr_optimizer_set_int(adam, TKR_SCHEDULE_STEPS, how->iterations));
    return adam;
}

double series_iteration(tkr_sequence *seq, tkr_optimizer *adam, const float *input,
                        const float *target, int64_t steps, int64_t batch) {
    double loss = 0;
    ex_try(seq, tkr_sequence_forward(seq, input, NULL, steps, batch));
    ex_try(seq, tkr_sequence_loss_values(seq, &loss, TKR_MSE, target, NULL));
    ex_try(seq, tkr_sequence_backward(seq, NULL, NULL));
    ex_try(adam, tkr_optimizer_step(adam, seq));
    return loss;
}

double series_rmse(const double *a, const double *b, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    }
    return sqrt(sum / (double)n);
}

static const char about[] =
    "A recurrent net learns a time series and continues it. Without --csv: the second experiment\n"
    "of the founding page, the introduction to recurrent networks that this project began with: a\n"
    "curve. With --csv: a column of a file; its last values are held out and forecast, beside\n"
    "persistence and the seasonal naive forecast; then what comes behind the last one is.\n"
    "Cells stand between tabs, semicolons or commas; numbers may have a decimal point or comma,\n"
    "and marks between thousands.\n";

static void read_options(series_options *set, int argc, char **argv) {
    ex_option options[] = {
        {"csv", EX_FILE, &set->csv, 0, 0, "a table; its first line may be a header", 0},
        {"column", EX_TEXT, &set->column, 0, 0, "its name, or number from 1; 0: the last", 0},
        {"header", EX_CHOICE, &set->header, 0, 0, "auto|yes|no: is the first line one?", 0},
        {"decimal", EX_CHOICE, &set->decimal, 0, 0, "auto|point|comma: mark before decimals", 0},
        {"horizon", EX_INT, &set->horizon, 1, 1e6, "values held out, and forecast", 0},
        {"ahead", EX_INT, &set->ahead, 0, 1e6, "values to forecast behind the last one", 0},
        {"season", EX_INT, &set->season, 1, 1e6, "length of a season, for the naive one", 0},
        {"difference", EX_INT, &set->difference, 0, 1e6, "learn changes over so many; 0: none", 0},
        {"log", EX_FLAG, &set->log, 0, 0, "learn logarithms: all values positive", 0},
        {"cell", EX_CHOICE, &set->cell, 0, 0, "elman|lstm|gru: the cell", 0},
        {"hidden", EX_INT, &set->hidden, 1, 65536, "hidden units", 0},
        {"steps", EX_INT, &set->steps, 1, 65536, "steps of a training window", 0},
        {"batch", EX_INT, &set->batch, 1, 65536, "windows side by side", 0},
        {"lr", EX_REAL, &set->rate, 0, 100, "Adam's rate, falling to 0 on a cosine", 0},
        {"clip", EX_REAL, &set->clip, 0, 1e9, "clip the gradient's norm; 0 does not", 0},
        {"iterations", EX_INT, &set->iterations, 1, 1e9, "of Adam", 0},
        {"seed", EX_INT, &set->seed, 0, 1e9, "of all that is random", 0},
        {"seeds", EX_INT, &set->seeds, 1, 100, "curve: how many seeds, for medians", 0},
        {"picture", EX_FILE, &set->picture, 0, 0, "where to draw: .png or .svg", 0},
        {"threads", EX_INT, &set->threads, 1, 64, "threads", 0},
        {0},
    };
    static const char *const of_csv[] = {
        "column", "header", "decimal", "horizon", "ahead", "season", "difference", "log",
        "cell",   "hidden", "steps",   "batch",   "lr",    "clip",   "iterations", NULL};
    ex_options(about, options, argc, argv);
    for (const char *const *name = of_csv; *name != NULL && set->csv == NULL; name++) {
        if (ex_given(options, *name)) {
            ex_die("--%s needs --csv FILE: the sizes of the page's experiment are fixed", *name);
        }
    }
    if (set->csv != NULL && ex_given(options, "seeds")) {
        ex_die("--seeds is of no use to --csv: give one --seed");
    }
}

int main(int argc, char **argv) {
    series_options set = {.picture = "series.png",
                          .column = "",
                          .horizon = 24,
                          .ahead = 12,
                          .season = 12,
                          .cell = 1,
                          .hidden = 16,
                          .steps = 24,
                          .batch = 16,
                          .iterations = 300,
                          .seed = 1,
                          .seeds = 5,
                          .threads = 1,
                          .rate = 0.005,
                          .clip = 1};
    read_options(&set, argc, argv);
    if (set.csv == NULL) {
        series_curve(&set);
    } else {
        series_csv(&set);
    }
    return ex_done();
}
