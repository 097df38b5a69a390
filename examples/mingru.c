/* SPDX-License-Identifier: MIT
 *
 * What the gates see is the input alone:
 *
 *     z = s(W_z x + b_z)    c = W_c x + b_c    h_t = (1 - z) h_{t-1} + z c
 *
 * Backward, with dh = dL/dh_t:
 *
 *     dz = dh (c - h_{t-1}) z (1 - z)    dc = dh z    dh_{t-1} = dh (1 - z)
 *     dW_z += dz x'   db_z += dz   dW_c += dc x'   db_c += dc   dx = W_z' dz + W_c' dc */
#include "mingru.h"

#include <math.h>
#include <stddef.h>

enum { W_Z, B_Z, W_C, B_C };

static float dot(const float *w, const float *x, int64_t n, float from) {
    for (int64_t i = 0; i < n; i++) {
        from += w[i] * x[i];
    }
    return from;
}

/* Row r's numbers of unit j are at r * hidden + j; saved has z, then c. */
static int32_t forward(void *user, const tkr_user_step *s) {
    const int64_t n = s->input, h = s->output;
    const float *const *p = s->parameters;
    (void)user;
    for (int64_t at = 0; at < s->rows * h; at++) {
        const int64_t j = at % h;
        const float *x = s->x + at / h * n;
        const float z = 1 / (1 + expf(-dot(p[W_Z] + j * n, x, n, p[B_Z][j])));
        const float c = dot(p[W_C] + j * n, x, n, p[B_C][j]);
        s->saved[2 * at] = z;
        s->saved[2 * at + 1] = c;
        s->y[at] = s->new_states[0][at] = (1 - z) * s->states[0][at] + z * c;
    }
    return TKR_OK;
}

static int32_t backward(void *user, const tkr_user_step *s) {
    const int64_t n = s->input, h = s->output;
    (void)user;
    for (int64_t i = 0; i < s->rows * n; i++) {
        s->dx[i] = 0;
    }
    for (int64_t at = 0; at < s->rows * h; at++) {
        const int64_t j = at % h, row = at / h * n;
        const float z = s->saved[2 * at], c = s->saved[2 * at + 1];
        const float dh = s->dy[at] + s->dstates[0][at];
        const float dz = dh * (c - s->states[0][at]) * z * (1 - z), dc = dh * z;
        s->dstates[0][at] = dh * (1 - z);
        s->dparameters[B_Z][j] += dz;
        s->dparameters[B_C][j] += dc;
        for (int64_t i = 0; i < n; i++) {
            s->dparameters[W_Z][j * n + i] += dz * s->x[row + i];
            s->dparameters[W_C][j * n + i] += dc * s->x[row + i];
            s->dx[row + i] +=
                s->parameters[W_Z][j * n + i] * dz + s->parameters[W_C][j * n + i] * dc;
        }
    }
    return TKR_OK;
}

int32_t mingru_create(tkr_cell **cell, int64_t input, int64_t hidden, const tkr_env *env) {
    const tkr_user_tensor parameters[] = {{"weight_z", 2, {hidden, input}},
                                          {"bias_z", 1, {hidden}},
                                          {"weight_c", 2, {hidden, input}},
                                          {"bias_c", 1, {hidden}}};
    const tkr_user_tensor states[] = {{"h", 1, {hidden}}};
    const tkr_user_cell functions = {sizeof functions, "mingru", NULL,    hidden,  2 * hidden, 4, 1,
                                     parameters,       states,   forward, backward};
    return tkr_cell_create_user(cell, input, &functions, env);
}
