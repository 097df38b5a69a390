/* SPDX-License-Identifier: MIT
 *
 * A column of a CSV file: its last values are held out, the net learns windows of the rest, and
 * then forecasts what was held out, once step by step (each true value being shown after it was
 * forecast) and once all of it, from its own forecasts.
 */
#include "series.h"

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

/* Column `column` (from 1; 0 the last) of a line, with its quotes taken off; NULL if too short. */
static const char *cell_text(const char *line, size_t len, int64_t column, size_t *cell_len) {
    const char *start = line, *end = line + len;
    for (int64_t i = 1;; i++) {
        const char *stop = start;
        for (int quoted = 0; stop < end && (quoted || strchr(",;\t", *stop) == NULL); stop++) {
            quoted ^= *stop == '"';
        }
        if (i == column || (column == 0 && stop == end)) {
            int quotes = stop - start >= 2 && *start == '"' && stop[-1] == '"';
            *cell_len = (size_t)(stop - start) - (quotes ? 2u : 0u);
            return start + quotes;
        }
        if (stop == end) {
            return NULL;
        }
        start = stop + 1;
    }
}

/* 0 if the cell is a number. */
static int cell_number(const char *text, size_t len, double *value) {
    char copy[64], *end = NULL;
    if (text == NULL || len == 0 || len >= sizeof copy) {
        return -1;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    *value = strtod(copy, &end);
    return end == copy + len && isfinite(*value) ? 0 : -1;
}

static size_t line_length(const char *line, size_t left) {
    const char *end = memchr(line, '\n', left);
    return end == NULL ? left : (size_t)(end - line);
}

static void read_column(series *data, const char *path, int64_t column) {
    size_t len = 0, cell_len = 0;
    char *all = ex_read_file(path, &len);
    int64_t line = 1;
    data->y = ex_alloc((int64_t)len, sizeof *data->y); /* more lines than bytes there are not */
    for (size_t at = 0; at < len; line++) {
        size_t whole = line_length(all + at, len - at), trimmed = whole;
        trimmed -= trimmed > 0 && all[at + trimmed - 1] == '\r';
        const char *text = cell_text(all + at, trimmed, column, &cell_len);
        if (cell_number(text, cell_len, &data->y[data->n]) == 0) {
            data->n++;
        } else if (line > 1 && trimmed > 0) {
            ex_die("%s, line %lld: column %lld is not a number: \"%.*s\"", path, (long long)line,
                   (long long)column, text == NULL ? 0 : (int)cell_len, text == NULL ? "" : text);
        }
        at += whole + 1;
    }
    free(all);
}

/* ---- what the net sees ----------------------------------------------------------------------- */

static double level(const series *data, double y) {
    return data->logarithm ? log(y) : y;
}

static void normalise(series *data) {
    double sum = 0, squares = 0, *d = ex_alloc(data->n, sizeof *d);
    for (int64_t t = data->lag; t < data->n; t++) {
        double before = data->lag > 0 ? level(data, data->y[t - data->lag]) : 0;
        d[t] = level(data, data->y[t]) - before;
        sum += t < data->cut ? d[t] : 0;
        squares += t < data->cut ? d[t] * d[t] : 0;
    }
    double count = (double)(data->cut - data->lag), variance;
    data->mean = sum / count;
    variance = squares / count - data->mean * data->mean;
    data->deviation = variance > 0 ? sqrt(variance) : 1;
    for (int64_t t = data->lag; t < data->n; t++) {
        data->z[t] = (float)((d[t] - data->mean) / data->deviation);
    }
    free(d);
}

/* From the net's number for time t back to the series' own units; `y` holds the values before. */
static double restore(const series *data, const double *y, int64_t t, double z) {
    double value = z * data->deviation + data->mean;
    value += data->lag > 0 ? level(data, y[t - data->lag]) : 0;
    return data->logarithm ? exp(value) : value;
}

static series open_series(const series_options *set) {
    series data = {.lag = set->difference, .logarithm = set->log != 0};
    read_column(&data, set->csv, set->column);
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

/* Run over the series up to the cut, then over what comes: the true values, or (alone) the net's
 * own forecasts. result [n]; before the cut it is the series itself. */
static void forecast(const tkr_cell *net, const series *data, int alone, double *result,
                     tkr_env *env) {
    tkr_state *state;
    float z = 0;
    ex_try(env, tkr_state_create(&state, net, 1, env));
    memcpy(result, data->y, (size_t)data->cut * sizeof *result);
    for (int64_t t = data->lag; t < data->n - 1; t++) {
        float x = alone && t >= data->cut ? z : data->z[t];
        ex_try(state, tkr_cell_step(net, state, &z, &x));
        if (t + 1 >= data->cut) {
            result[t + 1] = restore(data, alone ? result : data->y, t + 1, (double)z);
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

static const char *draw(ex_plot *plot, const series *data, const double *one, const double *all) {
    const double *lines[] = {data->y, one, all};
    for (int k = 0; k < 3; k++) {
        int64_t held_out = data->n - data->cut, from = data->cut - (k == 0 ? 4 * held_out : 1);
        for (int64_t t = from < 0 ? 0 : from; t < data->n; t++) {
            fprintf(plot->data, "%lld %g\n", (long long)t, lines[k][t]);
        }
        fprintf(plot->data, "\n\n");
    }
    return ex_plot_draw(
        plot,
        "set title 'The held-out end of the series, and its forecasts'\n"
        "set xlabel 'row'\nset ylabel 'value'\n"
        "plot DATA index 0 with lines lw 1.5 lc rgb '#1f77b4' title 'series', \\\n"
        "  DATA index 1 with lines lw 1 lc rgb '#ff7f0e' title 'one step ahead', \\\n"
        "  DATA index 2 with lines lw 2 lc rgb '#2ca02c' title 'all steps ahead'");
}

void series_csv(const series_options *set) {
    tkr_env *env = ex_env(set->threads);
    series data = open_series(set);
    ex_plot plot;
    ex_plot_open(&plot, set->picture);
    tkr_cell *net = make_net(set, env);
    double *one = ex_alloc(data.n, sizeof *one), *all = ex_alloc(data.n, sizeof *all);
    printf("%lld values, the last %lld held out; %s of %lld units\n", (long long)data.n,
           (long long)set->horizon, ex_cell_name(ex_cell_kind(set->cell)), (long long)set->hidden);
    train(net, &data, set, env);

    printf("\n%-16s   one step ahead        %lld steps ahead\n%-16s %10s %8s %14s %8s\n", "",
           (long long)set->horizon, "", "RMSE", "sMAPE", "RMSE", "sMAPE");
    naive(&data, 1, 0, one), naive(&data, 1, 1, all);
    double persistence = row(&data, "persistence", one, all);
    naive(&data, set->season, 0, one), naive(&data, set->season, 1, all);
    double seasonal = row(&data, "seasonal naive", one, all);
    forecast(net, &data, 0, one, env), forecast(net, &data, 1, all, env);
    double ours = row(&data, "the net", one, all);

    const char *picture = draw(&plot, &data, one, all);
    printf("\nseries: rmse=%.4g persistence=%.4g seasonal=%.4g picture=%s\n", ours, persistence,
           seasonal, picture);
    tkr_cell_destroy(net);
    free(one), free(all), free(data.y), free(data.z);
}
