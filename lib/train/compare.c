/* SPDX-License-Identifier: MIT */
#include "train/compare.h"

#include <math.h>
#include <stddef.h>

#include "core/fpmode.h"
#include "train/loss.h"

static int32_t run_step(const tkri_side *side, const tkr_trial *trial, int64_t row) {
    const float *x = trial->input ? trial->input + row * side->cell->net->input : NULL;
    return tkri_step_streams(side->cell, side->state, side->y, x,
                             trial->ids ? trial->ids + row : NULL);
}

/* Add the loss of the rows of one step. */
static void add_loss(tkri_side *side, const tkr_trial *trial, int64_t row) {
    const int64_t n = side->cell->net->output;
    for (int64_t b = 0; b < side->state->batch; b++) {
        const float *y = side->y + b * n;
        if (trial->target_ids) {
            side->loss += side->cell->kern->softmax(NULL, y, n, trial->target_ids[row + b], 1.0f);
        } else if (trial->target_values) {
            const float *target = trial->target_values + (row + b) * n;
            side->loss += tkri_loss_row(trial->loss, y, target, n, NULL, 1);
        }
    }
}

/* The sum of the squared differences of one step's outputs; *largest grows to the largest, and
 * stays NaN. */
static double differ(const tkri_side side[2], double *largest) {
    const int64_t n = side[0].state->batch * side[0].cell->net->output;
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        const double d = fabs((double)side[1].y[i] - (double)side[0].y[i]);
        *largest = d <= *largest || isnan(*largest) ? *largest : d;
        sum += d * d;
    }
    return sum;
}

int32_t tkri_compare(double *report, tkri_side side[2], const tkr_trial *trial) {
    const int64_t batch = side[0].state->batch, rows = trial->steps * batch;
    double largest = 0, squares = 0;
    const uint64_t mode = tkri_fpmode_enter();
    side[0].loss = side[1].loss = 0;
    int32_t status = TKR_OK;
    for (int64_t row = 0; row < rows && status == TKR_OK; row += batch) {
        for (int i = 0; i < 2 && status == TKR_OK; i++) {
            status = run_step(&side[i], trial, row);
            add_loss(&side[i], trial, row);
        }
        squares += differ(side, &largest);
    }
    tkri_fpmode_leave(mode);
    report[TKR_REPORT_MAX] = largest;
    report[TKR_REPORT_RMS] = sqrt(squares / ((double)rows * (double)side[0].cell->net->output));
    report[TKR_REPORT_LOSS] = side[0].loss / (double)rows;
    report[TKR_REPORT_LOSS_CHANGE] = side[1].loss / (double)rows - side[0].loss / (double)rows;
    return status;
}
