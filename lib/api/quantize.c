/* SPDX-License-Identifier: MIT
 * Cells with quantized weights: making them, and measuring what that costs. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "core/fpmode.h"
#include "train/compare.h"
#include "train/loss.h"

int32_t tkr_cell_precision(const tkr_cell *cell) {
    UNTRAPPED;
    return cell ? cell->precision : TKR_FLOAT32;
}

static int is_quantized(int32_t precision) {
    return precision >= TKR_BF16 && precision <= TKR_APPROXIMATE;
}

int32_t tkr_cell_quantized_size(uint64_t *bytes, const tkr_cell *cell, int32_t precision) {
    UNTRAPPED;
    if (!bytes || !cell || !is_quantized(precision)) {
        return TKR_ERR_ARGUMENT;
    }
    tkr_cell planned = *cell;
    planned.precision = precision;
    return tkri_cell_size(&planned, bytes, NULL);
}

/* A cell that can be stepped. */
static int32_t check_cell(const tkr_cell *cell, const tkri_env *env) {
    if (!cell) {
        return tkri_env_fail(env, TKR_ERR_ARGUMENT, "a cell is NULL");
    }
    if (!cell->net) {
        return tkri_env_fail(env, TKR_ERR_ORDER, "a cell is not initialised");
    }
    if (cell->net->backwards) {
        return tkri_env_fail(env, TKR_ERR_UNSUPPORTED,
                             "a cell that goes backwards cannot be streamed");
    }
    return TKR_OK;
}

static int64_t batch_of(const tkr_trial *trial) {
    return trial->batch ? trial->batch : 1;
}

/* Read the caller's trial and check its own sense. */
static int32_t read_trial(tkr_trial *trial, const tkr_trial *from, const tkri_env *env) {
    const int64_t limit = INT32_MAX;
    if (!from || from->size < sizeof *from) {
        return tkri_env_fail(env, TKR_ERR_ARGUMENT, "trial is NULL, or its size is not set");
    }
    *trial = *from;
    trial->batch = batch_of(from);
    trial->loss = from->loss ? from->loss : TKR_MSE;
    if (trial->steps < 1 || trial->steps > limit || trial->batch < 1 || trial->batch > limit) {
        return tkri_env_fail(env, TKR_ERR_ARGUMENT, "steps or batch are not in 1..2^31-1");
    }
    if (!trial->input == !trial->ids) {
        return tkri_env_fail(env, TKR_ERR_ARGUMENT, "give input or ids, and one of them");
    }
    if (trial->target_ids && trial->target_values) {
        return tkri_env_fail(env, TKR_ERR_ARGUMENT, "give target_ids or target_values, not both");
    }
    if (trial->loss != TKR_MSE && trial->loss != TKR_BINARY_CROSS_ENTROPY) {
        return tkri_env_fail(env, TKR_ERR_ARGUMENT, "no loss has the number %d", (int)trial->loss);
    }
    return TKR_OK;
}

static int32_t check_ids(const int32_t *ids, int64_t rows, int64_t low, int64_t high,
                         const tkri_env *env) {
    for (int64_t i = 0; ids && i < rows; i++) {
        if (ids[i] < low || ids[i] >= high) {
            return tkri_env_fail(env, TKR_ERR_TOKEN, "id %d of row %lld is not in %lld..%lld",
                                 (int)ids[i], (long long)i, (long long)low, (long long)high - 1);
        }
    }
    return TKR_OK;
}

/* Is this what the cell takes, and what can be lost on its outputs? */
static int32_t check_trial(const tkr_trial *trial, const tkr_cell *cell, const tkri_env *env) {
    const tkri_net *net = cell->net;
    const int binary = trial->target_values && trial->loss == TKR_BINARY_CROSS_ENTROPY;
    tkri_detail detail;
    const int64_t rows = trial->steps * trial->batch;
    if (!(net->takes & (trial->ids ? TKRI_IDS : TKRI_VALUES))) {
        return tkri_env_fail(env, TKR_ERR_UNSUPPORTED,
                             "an embedding at the cell's beginning takes ids, a dropout values");
    }
    TRY(check_ids(trial->ids, rows, -1, net->input, env));
    TRY(check_ids(trial->target_ids, rows, 0, net->output, env));
    if (tkri_loss_fits(net, trial->target_ids || binary, &detail) < 0) {
        return tkri_env_forward(env, TKR_ERR_UNSUPPORTED, &detail);
    }
    for (int64_t i = 0; binary && i < rows * net->output; i++) {
        const float target = trial->target_values[i];
        if (!(target >= 0.0f && target <= 1.0f)) {
            return tkri_env_fail(env, TKR_ERR_ARGUMENT, "binary target %g is not in 0..1",
                                 (double)target);
        }
    }
    return TKR_OK;
}

static int is_finite(const double *report) {
    for (int i = 0; i < TKR_REPORT_LEN; i++) {
        if (!isfinite(report[i])) {
            return 0;
        }
    }
    return 1;
}

/* Both cells with states and room of their own, for the time of the call. */
static int32_t measure(double *report, const tkr_cell *cell, const tkr_cell *other,
                       const tkr_trial *trial, const tkr_env *env) {
    tkri_env own;
    tkri_side side[2] = {{.cell = cell}, {.cell = other}};
    const uint64_t outputs = tkri_mul((uint64_t)trial->batch, (uint64_t)cell->net->output);
    const uint64_t bytes = tkri_mul(outputs, 2 * sizeof(float));
    double found[TKR_REPORT_LEN];
    float *y = NULL;
    int32_t status;
    TRY(tkri_env_read(&own, env));
    TRY_OR_FAIL(tkr_state_create(&side[0].state, cell, trial->batch, env));
    TRY_OR_FAIL(tkr_state_create(&side[1].state, other, trial->batch, env));
    y = tkri_allocate(&own, bytes);
    if (!y) {
        status = tkri_env_fail(&own, TKR_ERR_MEMORY, "no memory for %llu bytes of outputs",
                               (unsigned long long)bytes);
        goto fail;
    }
    side[0].y = y;
    side[1].y = y + outputs;
    status = tkri_compare(found, side, trial);
    if (status < 0) {
        (void)tkri_env_fail(&own, status, "a step of the trial failed");
    } else if (!is_finite(found)) {
        status = tkri_env_fail(&own, TKR_ERR_NUMERIC, "an output or a loss is not finite");
    } else {
        memcpy(report, found, sizeof found);
    }
    tkri_release(&own, y, bytes);
fail:
    tkr_state_destroy(side[1].state);
    tkr_state_destroy(side[0].state);
    return status;
}

int32_t tkr_cell_compare(double *report, const tkr_cell *cell, const tkr_cell *other,
                         const tkr_trial *trial, const tkr_env *env) {
    UNTRAPPED;
    tkri_env own;
    tkr_trial checked;
    TRY(tkri_env_read(&own, env));
    if (!report) {
        return tkri_env_fail(&own, TKR_ERR_ARGUMENT, "report is NULL");
    }
    TRY(check_cell(cell, &own));
    TRY(check_cell(other, &own));
    if (cell->net->input != other->net->input || cell->net->output != other->net->output) {
        return tkri_env_fail(&own, TKR_ERR_SHAPE, "the cells differ in their inputs or outputs");
    }
    TRY(read_trial(&checked, trial, &own));
    TRY(check_trial(&checked, cell, &own));
    TRY(check_trial(&checked, other, &own));
    return measure(report, cell, other, &checked, env);
}

static int32_t check_source(const tkr_cell *cell, int32_t precision, const tkri_env *env) {
    TRY(check_cell(cell, env));
    if (!is_quantized(precision)) {
        return tkri_env_fail(env, TKR_ERR_ARGUMENT,
                             "precision %d is not TKR_BF16, TKR_INT8 or TKR_APPROXIMATE",
                             (int)precision);
    }
    if (cell->precision) {
        return tkri_env_fail(env, TKR_ERR_UNSUPPORTED, "%s", tkri_quantized_text);
    }
    return TKR_OK;
}

int32_t tkr_cell_quantize(tkr_cell **quantized, double *report, const tkr_cell *cell,
                          int32_t precision, const tkr_trial *trial, const tkr_env *env) {
    UNTRAPPED;
    tkri_env own;
    tkr_cell *made = NULL;
    if (!quantized) {
        return TKR_ERR_ARGUMENT;
    }
    *quantized = NULL;
    TRY(tkri_env_read(&own, env));
    TRY(check_source(cell, precision, &own));
    if (!report != !trial) {
        return tkri_env_fail(&own, TKR_ERR_ARGUMENT, "report and trial: give both or neither");
    }
    TRY(tkri_cell_copy(&made, cell, precision, &own));
    const int32_t status = trial ? tkr_cell_compare(report, cell, made, trial, env) : TKR_OK;
    if (status < 0) {
        tkr_cell_destroy(made);
        return status;
    }
    *quantized = made;
    return TKR_OK;
}
