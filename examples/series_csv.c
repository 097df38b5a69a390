/* SPDX-License-Identifier: MIT
 *
 * A column of a CSV file: its last values are held out, the net learns windows of the rest, and
 * then forecasts what was held out, once step by step (each true value being shown after it was
 * forecast) and once all of it, from its own forecasts.
 */
#include "series.h"
#include "series_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct series {
    double *y;      /* [n] as in the file */
    float *z;       /* [n] what the net sees: log, difference, mean 0 and deviation 1 */
    int64_t n, cut; /* values in all; the first held-out one */
    int64_t lag;    /* of the difference; z begins there */
    double mean, deviation;
    int logarithm;
} series;

/* ---- reading --------------------------------------------------------------------------------- */

static void read_column(series *data, const series_options *set) {
    table t;
    table_read(&t, set->csv);
    int header = table_has_header(&t, set->header);
    int64_t column = table_column(&t, set->column, header);
    data->n = t.rows - header;
    data->y = ex_alloc(data->n, sizeof *data->y);
    char mark = table_numbers(&t, column, header, set->decimal, data->y);
    printf("%s: column %lld of %lld", set->csv, (long long)column + 1, (long long)t.columns);
    if (header) {
        printf(", \"%s\"", t.cells[column]);
    }
    printf("%s\n", mark == ',' ? ", decimal comma" : "");
    table_free(&t);
}

/* ---- what the net sees ----------------------------------------------------------------------- */

static double level(const series *data, double y) {
    return data->logarithm ? log(y) : y;
}

/* Mean and deviation of what is not held out, in two passes and from the first value on: so those
 * of a series far from 0 are right to the last digits too. */
static void measure(series *data, const double *d) {
    double first = d[data->lag], count = (double)(data->cut - data->lag), sum = 0, squares = 0;
    for (int64_t t = data->lag; t < data->cut; t++) {
        sum += d[t] - first;
    }
    data->mean = first + sum / count;
    for (int64_t t = data->lag; t < data->cut; t++) {
        squares += (d[t] - data->mean) * (d[t] - data->mean);
    }
    data->deviation = squares > 0 ? sqrt(squares / count) : 1;
}

static void normalise(series *data) {
    double *d = ex_alloc(data->n, sizeof *d);
    for (int64_t t = data->lag; t < data->n; t++) {
        double before = data->lag > 0 ? level(data, data->y[t - data->lag]) : 0;
        d[t] = level(data, data->y[t]) - before;
    }
    measure(data, d);
    for (int64_t t = data->lag; t < data->n; t++) {
        data->z[t] = (float)((d[t] - data->mean) / data->deviation);
    }
    free(d);
}

/* From the net's number for a time back to the series' own units; `before` is the value `lag`
 * earlier. */
static double restore(const series *data, double before, double z) {
    double value = z * data->deviation + data->mean;
    value += data->lag > 0 ? level(data, before) : 0;
    return data->logarithm ? exp(value) : value;
}

static series open_series(const series_options *set) {
    series data = {.lag = set->difference, .logarithm = set->log != 0};
    read_column(&data, set);
    data.cut = data.n - set->horizon;
    if (data.cut - data.lag <= set->steps || data.cut < set->season) {
        ex_die(
            "%s: %lld values are too few for windows of %lld, seasons of %lld and %lld held "
            "out",
            set->csv, (long long)data.n, (long long)set->steps, (long long)set->season,
            (long long)set->horizon);
    }
    for (int64_t t = 0; data.logarithm && t < data.n; t++) {
        if (!(data.y[t] > 0)) {
            ex_die("%s: --log needs positive values, and one is %g", set->csv, data.y[t]);
        }
    }
    data.z = ex_alloc(data.n, sizeof *data.z);
    normalise(&data);
    return data;
}

/* ---- the net --------------------------------------------------------------------------------- */

static tkr_cell *make_net(const series_options *set, tkr_env *env) {
    tkr_cell *parts[2], *net;
    ex_try(env, tkr_cell_create(&parts[0], ex_cell_kind(set->cell), 1, set->hidden, env));
    ex_try(env, tkr_cell_create(&parts[1], TKR_LINEAR, set->hidden, 1, env));
    ex_try(env, tkr_cell_chain(&net, parts, 2, env));
    ex_try(net, tkr_cell_init(net, (uint64_t)set->seed));
    return net;
}

/* Windows from anywhere before the cut; the target is the next value. */
static void draw_windows(const series *data, const series_options *set, float *input, float *target,
                         uint64_t *random) {
    for (int64_t b = 0; b < set->batch; b++) {
        int64_t from = data->lag + ex_below(random, data->cut - data->lag - set->steps);
        for (int64_t t = 0; t < set->steps; t++) {
            input[t * set->batch + b] = data->z[from + t];
            target[t * set->batch + b] = data->z[from + t + 1];
        }
    }
}

static void train(tkr_cell *net, const series *data, const series_options *set, tkr_env *env) {
    series_recipe how = {"train", set->rate,           set->clip,
                         0.999,   TKR_SCHEDULE_COSINE, set->iterations};
    float *input = ex_alloc(set->steps * set->batch, sizeof *input);
    float *target = ex_alloc(set->steps * set->batch, sizeof *target);
    uint64_t random = (uint64_t)set->seed;
    tkr_sequence *seq;
    tkr_optimizer *adam = series_adam(net, &how, env);
    ex_try(env, tkr_sequence_create(&seq, net, set->steps, set->batch, TKR_TRAINING, env));
    ex_progress progress =
        ex_progress_start("train", 0, set->iterations, (double)set->batch, "windows");
    for (int64_t i = 0; i < set->iterations; i++) {
        draw_windows(data, set, input, target, &random);
        double mse = series_iteration(seq, adam, input, target, set->steps, set->batch);
        ex_progress_show(&progress, i + 1, mse);
        if (i == 0 || i == set->iterations - 1) {
            ex_progress_hide(&progress);
            printf("iteration %lld: MSE %.4f of the normalised series\n", (long long)i, mse);
        }
    }
    tkr_optimizer_destroy(adam);
    tkr_sequence_destroy(seq);
    free(input);
    free(target);
}

/* What a forecast knows, and what it is of. */
typedef struct span {
    int64_t from, known, end; /* y[from .. end) is forecast; y[0 .. known) is known */
} span;

/* Run over the series as far as it is known, then on over the net's own forecasts: result
 * [span.end], of which what is not forecast is the series itself. */
static void forecast(const tkr_cell *net, const series *data, span of, double *result,
                     tkr_env *env) {
    tkr_state *state;
    float z = 0;
    ex_try(env, tkr_state_create(&state, net, 1, env));
    memcpy(result, data->y, (size_t)of.from * sizeof *result);
    for (int64_t t = data->lag; t < of.end - 1; t++) {
        int64_t next = t + 1, before = next - data->lag;
        float x = t < of.known ? data->z[t] : z;
        ex_try(state, tkr_cell_step(net, state, &z, &x));
        if (next >= of.from) {
            result[next] =
                restore(data, before < of.known ? data->y[before] : result[before], (double)z);
        }
    }
    tkr_state_destroy(state);
}

/* y[t] = the value `lag` steps before: known, or (alone) the forecast itself. */
static void naive(const series *data, int64_t lag, int alone, double *result) {
    memcpy(result, data->y, (size_t)data->cut * sizeof *result);
    for (int64_t t = data->cut; t < data->n; t++) {
        result[t] = alone ? result[t - lag] : data->y[t - lag];
    }
}

/* ---- telling --------------------------------------------------------------------------------- */

typedef struct forecasts {
    double *one, *all; /* [n] of what is held out: each step alone, all of it in one go */
    double *beyond;    /* [n + ahead] */
    int64_t ahead;
} forecasts;

/* Mean of 200 |y - f| / (|y| + |f|). */
static double smape(const series *data, const double *f) {
    double sum = 0;
    for (int64_t t = data->cut; t < data->n; t++) {
        double size = fabs(data->y[t]) + fabs(f[t]);
        sum += size > 0 ? 200 * fabs(data->y[t] - f[t]) / size : 0;
    }
    return sum / (double)(data->n - data->cut);
}

static double row(const series *data, const char *name, const double *one, const double *all) {
    int64_t n = data->n - data->cut;
    double rmse = series_rmse(one + data->cut, data->y + data->cut, n);
    double far = series_rmse(all + data->cut, data->y + data->cut, n);
    printf("%-16s %10.4g %8.2f %14.4g %8.2f\n", name, rmse, smape(data, one), far,
           smape(data, all));
    return far;
}

/* So many significant digits that a forecast shows four of the series' steps, wherever it lies. */
static int digits_of(const series *data) {
    double largest = 0, step = 0;
    for (int64_t t = 1; t < data->n; t++) {
        largest = fmax(largest, fabs(data->y[t]));
        step = fmax(step, fabs(data->y[t] - data->y[t - 1]));
    }
    double digits = step > 0 && largest > 0 ? 4 + ceil(log10(largest / step)) : 6;
    return digits < 4 ? 4 : digits > 17 ? 17 : (int)digits;
}

/* What comes behind the last value, by a net that has learned what lies before the held-out ones
 * and has seen those too. */
static void print_ahead(const series *data, int64_t ahead, const double *f) {
    if (ahead > 0) {
        printf("\nbehind the last value   forecast\n");
    }
    for (int64_t i = 0; i < ahead; i++) {
        printf("%21lld   %.*g\n", (long long)i + 1, digits_of(data), f[data->n + i]);
    }
}

/* One line of the picture, as exact as the numbers are. */
static void write_line(FILE *out, const double *y, int64_t from, int64_t to) {
    for (int64_t t = from < 0 ? 0 : from; t < to; t++) {
        fprintf(out, "%lld %.17g\n", (long long)t, y[t]);
    }
    fprintf(out, "\n\n");
}

static const char *draw(ex_plot *plot, const series *data, const forecasts *of) {
    int64_t held_out = data->n - data->cut;
    write_line(plot->data, data->y, data->cut - 4 * held_out, data->n);
    write_line(plot->data, of->one, data->cut - 1, data->n);
    write_line(plot->data, of->all, data->cut - 1, data->n);
    write_line(plot->data, of->beyond, data->n - 1, data->n + of->ahead);
    return ex_plot_draw(
        plot,
        "set title 'The held-out end of the series, its forecasts, and what comes behind it'\n"
        "set xlabel 'row'\nset ylabel 'value'\n"
        "plot DATA index 0 with lines lw 1.5 lc rgb '#1f77b4' title 'series', \\\n"
        "  DATA index 1 with lines lw 1 lc rgb '#ff7f0e' title 'one step ahead', \\\n"
        "  DATA index 2 with lines lw 2 lc rgb '#2ca02c' title 'all steps ahead', \\\n"
        "  DATA index 3 with linespoints pt 7 ps 0.4 lc rgb '#9467bd' title 'behind the end'");
}

static forecasts make_forecasts(const series *data, int64_t ahead) {
    return (forecasts){.one = ex_alloc(data->n, sizeof(double)),
                       .all = ex_alloc(data->n, sizeof(double)),
                       .beyond = ex_alloc(data->n + ahead, sizeof(double)),
                       .ahead = ahead};
}

static void free_forecasts(forecasts *of) {
    free(of->one);
    free(of->all);
    free(of->beyond);
}

/* The net beside the naive forecasts; the RMSE of each over all steps. */
static void compare(const tkr_cell *net, const series *data, const series_options *set,
                    forecasts *of, double rmse[3]) {
    tkr_env *env = ex_env(set->threads);
    printf("\n%-16s   one step ahead        %lld steps ahead\n%-16s %10s %8s %14s %8s\n", "",
           (long long)set->horizon, "", "RMSE", "sMAPE", "RMSE", "sMAPE");
    naive(data, 1, 0, of->one), naive(data, 1, 1, of->all);
    rmse[0] = row(data, "persistence", of->one, of->all);
    naive(data, set->season, 0, of->one), naive(data, set->season, 1, of->all);
    rmse[1] = row(data, "seasonal naive", of->one, of->all);
    forecast(net, data, (span){data->cut, data->n, data->n}, of->one, env);
    forecast(net, data, (span){data->cut, data->cut, data->n}, of->all, env);
    rmse[2] = row(data, "the net", of->one, of->all);
    forecast(net, data, (span){data->n, data->n, data->n + of->ahead}, of->beyond, env);
    print_ahead(data, of->ahead, of->beyond);
}

void series_csv(const series_options *set) {
    double rmse[3];
    ex_plot plot;
    series data = open_series(set);
    ex_plot_open(&plot, set->picture, set->csv);
    forecasts of = make_forecasts(&data, set->ahead);
    tkr_cell *net = make_net(set, ex_env(set->threads));
    printf("%lld values, the last %lld held out; %s of %lld units\n", (long long)data.n,
           (long long)set->horizon, ex_cell_name(ex_cell_kind(set->cell)), (long long)set->hidden);
    train(net, &data, set, ex_env(set->threads));
    compare(net, &data, set, &of, rmse);
    const char *picture = draw(&plot, &data, &of);
    printf("\nseries: rmse=%.4g persistence=%.4g seasonal=%.4g picture=%s\n", rmse[2], rmse[0],
           rmse[1], picture);
    tkr_cell_destroy(net);
    free_forecasts(&of);
    free(data.y), free(data.z);
}
