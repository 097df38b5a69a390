/* SPDX-License-Identifier: MIT
 *
 * The founding page's second experiment: 200 rectified units see windows of a curve and learn to
 * tell the next value; then they run on alone, each forecast being the next input.
 */
#include "series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    STEPS = 30,  /* of a window */
    BATCH = 50,  /* windows of an iteration */
    UNITS = 200, /* rectified */
    ITERATIONS = 300,
    LAST = 10,   /* the mean of so many iterations' MSE is what is reported */
    EVERY = 50,  /* a row of the table */
    AHEAD = 40,  /* steps forecast beyond the end */
    JUDGED = 15, /* of them, how many count */
    END = 300,   /* the curve ends at t = 30, its 300th step */
    MAX_SEEDS = 100,
};

static const double step = 0.1;

/* What the page printed, at iterations 0, 100 and 200. */
static const double printed[] = {280.63486, 0.089582793, 0.044634577};

static const series_recipe of_the_page = {"page",    0.01, 0, 0.999, TKR_SCHEDULE_CONSTANT,
                                          ITERATIONS};
static const series_recipe of_ours = {"ours", 0.005, 1, 0.99, TKR_SCHEDULE_COSINE, ITERATIONS};

typedef struct run {
    double table[ITERATIONS / EVERY]; /* the MSE of iterations 0, 50, .. */
    double mse;                       /* mean of the last ten */
    double forecast[AHEAD];           /* one stream, its state carried on */
    double windowed[AHEAD];           /* as on the page: a window run anew for each step */
} run;

static double curve(double t) {
    return t * sin(t) / 3 + 2 * sin(5 * t);
}

/* TensorFlow drew input and recurrent weights as one [1 + 200][200] matrix: the same bound, that of
 * the whole matrix, for both. Ours are drawn with a bound for each. */
static void rescale(tkr_cell *net, const char *name, int64_t len, double inputs) {
    float *weights = ex_alloc(len, sizeof *weights);
    double factor = sqrt((inputs + UNITS) / (1 + UNITS + UNITS));
    ex_try(net, tkr_cell_get_parameter(net, name, weights, len));
    for (int64_t i = 0; i < len; i++) {
        weights[i] = (float)(factor * (double)weights[i]);
    }
    ex_try(net, tkr_cell_set_parameter(net, name, weights, len));
    free(weights);
}

static tkr_cell *make_net(uint64_t seed, tkr_env *env) {
    tkr_cell *parts[2], *net;
    ex_try(env, tkr_cell_create(&parts[0], TKR_ELMAN, 1, UNITS, env));
    ex_try(env, tkr_cell_create(&parts[1], TKR_LINEAR, UNITS, 1, env));
    ex_try(parts[0], tkr_cell_set_name(parts[0], "units"));
    ex_try(parts[0], tkr_cell_set_int(parts[0], TKR_ACTIVATION, TKR_RELU));
    ex_try(parts[0], tkr_cell_set_int(parts[0], TKR_BIASES, 1));
    for (int i = 0; i < 2; i++) {
        ex_try(parts[i], tkr_cell_set_int(parts[i], TKR_INIT, TKR_INIT_GLOROT));
    }
    ex_try(env, tkr_cell_chain(&net, parts, 2, env));
    ex_try(net, tkr_cell_init(net, seed));
    rescale(net, "units.weight_ih_l0", UNITS, 1);
    rescale(net, "units.weight_hh_l0", UNITS * UNITS, UNITS);
    return net;
}

/* Windows that begin anywhere in the curve; the target is the input one step later. */
static void draw_windows(float *input, float *target, uint64_t *random) {
    for (int b = 0; b < BATCH; b++) {
        double start = ex_uniform(random) * step * (END - STEPS);
        for (int t = 0; t < STEPS; t++) {
            input[t * BATCH + b] = (float)curve(start + t * step);
            target[t * BATCH + b] = (float)curve(start + (t + 1) * step);
        }
    }
}

static void train(run *result, tkr_cell *net, const series_recipe *how, uint64_t seed,
                  tkr_env *env) {
    float input[STEPS * BATCH], target[STEPS * BATCH];
    tkr_sequence *seq;
    tkr_optimizer *adam = series_adam(net, how, env);
    ex_try(env, tkr_sequence_create(&seq, net, STEPS, BATCH, TKR_TRAINING, env));
    ex_progress progress = ex_progress_start(how->name, 0, ITERATIONS, BATCH, "windows");
    for (int i = 0; i < ITERATIONS; i++) {
        draw_windows(input, target, &seed);
        double mse = series_iteration(seq, adam, input, target, STEPS, BATCH);
        if (i % EVERY == 0) {
            result->table[i / EVERY] = mse;
        }
        result->mse += i >= ITERATIONS - LAST ? mse / LAST : 0;
        ex_progress_show(&progress, i + 1, mse);
    }
    ex_progress_hide(&progress);
    tkr_optimizer_destroy(adam);
    tkr_sequence_destroy(seq);
}

/* Feed the last window, then each output as the next input, in one unbroken stream. */
static void forecast(run *result, const tkr_cell *net, tkr_env *env) {
    tkr_state *state;
    float x = 0, y = 0;
    ex_try(env, tkr_state_create(&state, net, 1, env));
    for (int i = END - STEPS + 1; i <= END; i++) {
        x = (float)curve(i * step);
        ex_try(state, tkr_cell_step(net, state, &y, &x));
    }
    for (int i = 0; i < AHEAD; i++) {
        result->forecast[i] = (double)y;
        x = y;
        ex_try(state, tkr_cell_step(net, state, &y, &x));
    }
    tkr_state_destroy(state);
}

/* The page's way: for each step a whole window of the last 30 values from a state of zero. (The
 * page then took the window's first output; the forecast is the last one.) */
static void forecast_windows(run *result, const tkr_cell *net, tkr_env *env) {
    tkr_sequence *seq;
    float values[STEPS + AHEAD], outputs[STEPS];
    for (int i = 0; i < STEPS; i++) {
        values[i] = (float)curve((END - STEPS + 1 + i) * step);
    }
    ex_try(env, tkr_sequence_create(&seq, net, STEPS, 1, TKR_INFERENCE, env));
    for (int i = 0; i < AHEAD; i++) {
        ex_try(seq, tkr_sequence_forward(seq, values + i, NULL, STEPS, 1));
        ex_try(seq, tkr_sequence_output(seq, outputs, STEPS));
        values[STEPS + i] = outputs[STEPS - 1];
        result->windowed[i] = (double)outputs[STEPS - 1];
    }
    tkr_sequence_destroy(seq);
}

static run learn(const series_recipe *how, uint64_t seed, tkr_env *env) {
    run result = {.mse = 0};
    tkr_cell *net = make_net(seed, env);
    train(&result, net, how, seed, env);
    forecast(&result, net, env);
    forecast_windows(&result, net, env);
    tkr_cell_destroy(net);
    return result;
}

static void true_future(double *truth) {
    for (int i = 0; i < AHEAD; i++) {
        truth[i] = curve((END + 1 + i) * step);
    }
}

static void print_table(const run *page, const run *ours) {
    printf(
        "                       mean squared error\n"
        "iteration   page printed   page's settings   our recipe\n");
    for (int i = 0; i < ITERATIONS / EVERY; i++) {
        char figure[16] = "";
        if (i % 2 == 0) {
            snprintf(figure, sizeof figure, "%.4f", printed[i / 2]);
        }
        printf("%9d %14s %17.4f %12.4f\n", i * EVERY, figure, page->table[i], ours->table[i]);
    }
    printf("  last ten %12s %17.4f %12.4f\n\n", "", page->mse, ours->mse);
}

/* The picture's data: five blocks, as the script below numbers them. */
static void write_data(FILE *out, const run *page, const run *ours, uint64_t seed) {
    fprintf(out, "# the curve\n");
    for (int i = 0; i <= END; i++) {
        fprintf(out, "%g %g\n", i * step, curve(i * step));
    }
    fprintf(out, "\n\n# the curve beyond the end\n");
    for (int i = END; i <= END + AHEAD; i++) {
        fprintf(out, "%g %g\n", i * step, curve(i * step));
    }
    fprintf(out, "\n\n# samples: two windows\n");
    for (int b = 0; b < 2; b++) {
        double start = ex_uniform(&seed) * step * (END - STEPS);
        for (int t = 0; t <= STEPS; t++) {
            fprintf(out, "%g %g\n", start + t * step, curve(start + t * step));
        }
    }
    const run *runs[] = {ours, page};
    for (int r = 0; r < 2; r++) {
        fprintf(out, "\n\n# forecast, %s\n", r == 0 ? "our recipe" : "page's settings");
        for (int i = 0; i < AHEAD; i++) {
            fprintf(out, "%g %g\n", (END + 1 + i) * step, runs[r]->forecast[i]);
        }
    }
}

static const char *draw(ex_plot *plot, const run *page, const run *ours, uint64_t seed) {
    write_data(plot->data, page, ours, seed);
    return ex_plot_draw(
        plot,
        "set title 'f(t) = t sin(t)/3 + 2 sin(5t), learned up to t = 30, then 40 steps alone'\n"
        "set xlabel 't'\nset ylabel 'f(t)'\nset xrange [0:34.2]\nset yrange [-16:16]\n"
        "set arrow from 30, graph 0 to 30, graph 1 nohead dashtype 3 lc rgb '#888888'\n"
        "plot DATA index 0 with lines lw 1.5 lc rgb '#1f77b4' title 'curve', \\\n"
        "  DATA index 1 with lines lw 1.5 dashtype 2 lc rgb '#1f77b4' title 'its future', \\\n"
        "  DATA index 2 with points pt 7 ps 0.6 lc rgb '#d62728' title 'two training windows', \\\n"
        "  DATA index 4 with lines lw 1 lc rgb '#999999' title \"page's settings\", \\\n"
        "  DATA index 3 with linespoints pt 7 ps 0.4 lw 2 lc rgb '#2ca02c' title 'forecast'");
}

/* All seeds' figures, a row each, then their medians, which are left in the first elements. */
static void print_seeds(int64_t n, int64_t seed, double figures[4][MAX_SEEDS]) {
    printf(
        "        page's settings        our recipe\n"
        "seed       mse   rmse15       mse   rmse15\n");
    for (int64_t i = 0; i < n; i++) {
        printf("%4lld %9.4f %8.3f %9.4f %8.3f\n", (long long)(seed + i), figures[0][i],
               figures[1][i], figures[2][i], figures[3][i]);
    }
    for (int k = 0; k < 4; k++) {
        figures[k][0] = ex_median(figures[k], n);
    }
    printf("%s %7.4f %8.3f %9.4f %8.3f\n\n", n > 1 ? "median" : "result", figures[0][0],
           figures[1][0], figures[2][0], figures[3][0]);
}

static void print_forecast(const run *ours, const double *truth) {
    double flat[AHEAD], last = curve(END * step);
    for (int i = 0; i < AHEAD; i++) {
        flat[i] = last;
    }
    printf("RMSE beyond t = 30             first %d   all %d steps\n", JUDGED, AHEAD);
    printf("our recipe, one stream         %8.3f %14.3f\n",
           series_rmse(ours->forecast, truth, JUDGED), series_rmse(ours->forecast, truth, AHEAD));
    printf("our recipe, windows run anew   %8.3f %14.3f\n",
           series_rmse(ours->windowed, truth, JUDGED), series_rmse(ours->windowed, truth, AHEAD));
    printf("the last value, repeated       %8.3f %14.3f\n\n", series_rmse(flat, truth, JUDGED),
           series_rmse(flat, truth, AHEAD));
}

void series_curve(const series_options *set) {
    static double figures[4][MAX_SEEDS]; /* mse and rmse15 of the page, of ours */
    double truth[AHEAD];
    const char *picture = NULL;
    ex_plot plot;
    tkr_env *env = ex_env(set->threads);
    ex_plot_open(&plot, set->picture, NULL);
    true_future(truth);
    printf("net: 1 -> %d relu -> 1; %d iterations of Adam on %d windows of %d steps\n\n", UNITS,
           ITERATIONS, BATCH, STEPS);
    for (int64_t i = 0; i < set->seeds; i++) {
        uint64_t seed = (uint64_t)(set->seed + i);
        run page = learn(&of_the_page, seed, env), ours = learn(&of_ours, seed, env);
        figures[0][i] = page.mse, figures[1][i] = series_rmse(page.forecast, truth, JUDGED);
        figures[2][i] = ours.mse, figures[3][i] = series_rmse(ours.forecast, truth, JUDGED);
        if (i == 0) {
            print_table(&page, &ours);
            print_forecast(&ours, truth);
            picture = draw(&plot, &page, &ours, seed);
        }
    }
    print_seeds(set->seeds, set->seed, figures);
    printf("series: mse_page=%.4f mse_last=%.4f rmse15=%.3f picture=%s\n", figures[0][0],
           figures[2][0], figures[3][0], picture);
}
