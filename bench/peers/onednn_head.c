/* SPDX-License-Identifier: MIT
 * What oneDNN does not have: the head's loss and Adam. Built for the machine at hand with fast
 * mathematics (vector exponentials), so that the peer loses nothing here. */
#include "onednn.h"

#include <math.h>

#define TRY(expression)                       \
    do {                                      \
        dnnl_status_t status_ = (expression); \
        if (status_ != dnnl_success) {        \
            return status_;                   \
        }                                     \
    } while (0)

/* Softmax of z + bias against one id; z becomes dL/dz. Returns -ln p. */
static double cross_entropy(float *z, const float *bias, int64_t n, int32_t id, float scale) {
    float most = z[0] + bias[0], sum = 0, at_id;
    for (int64_t i = 0; i < n; i++) {
        z[i] += bias[i];
        most = z[i] > most ? z[i] : most;
    }
    at_id = z[id] - most;
    for (int64_t i = 0; i < n; i++) {
        z[i] = expf(z[i] - most);
        sum += z[i];
    }
    for (int64_t i = 0; i < n; i++) {
        z[i] *= scale / sum;
    }
    z[id] -= scale;
    return (double)(logf(sum) - at_id);
}

static double squared_error(float *z, const float *bias, const float *target, int64_t n,
                            float scale) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        float error = z[i] + bias[i] - target[i];
        sum += (double)error * (double)error;
        z[i] = 2 * error * scale;
    }
    return sum;
}

/* Logits become their gradients. */
static double loss_of(head *h) {
    double count = (double)h->n * (h->target ? (double)h->output : 1), sum = 0;
    float scale = (float)(1 / count);
#pragma omp parallel for reduction(+ : sum) schedule(static)
    for (int64_t i = 0; i < h->n; i++) {
        float *z = h->logits + i * h->output;
        sum += h->target_ids
                   ? cross_entropy(z, h->bias, h->output, h->target_ids[i], scale)
                   : squared_error(z, h->bias, h->target + i * h->output, h->output, scale);
    }
    return sum / count;
}

/* In parts of the width, one for a thread. */
static void sum_columns(float *sums, const float *rows, int64_t n, int64_t width) {
    enum { PART = 64 };
#pragma omp parallel for schedule(static) if (width > PART)
    for (int64_t part = 0; part < width; part += PART) {
        const int64_t end = part + PART < width ? part + PART : width;
        for (int64_t j = part; j < end; j++) {
            sums[j] = 0;
        }
        for (int64_t i = 0; i < n; i++) {
            for (int64_t j = part; j < end; j++) {
                sums[j] += rows[i * width + j];
            }
        }
    }
}

dnnl_status_t head_run(head *h, double *loss) {
    int64_t n = h->n, H = h->hidden, O = h->output;
    TRY(dnnl_sgemm('N', 'T', n, O, H, 1, h->h, H, h->weight, H, 0, h->logits, O));
    *loss = loss_of(h);
    sum_columns(h->dbias, h->logits, n, O);
    TRY(dnnl_sgemm('T', 'N', O, H, n, 1, h->logits, O, h->h, H, 0, h->dweight, H));
    return dnnl_sgemm('N', 'N', n, H, O, 1, h->logits, O, h->weight, H, 0, h->dh, H);
}

void adam_step(const moments *m, int64_t step, float rate) {
    const float b1 = 0.9f, b2 = 0.999f, epsilon = 1e-8f;
    const float correct = 1 / sqrtf((float)(1 - pow(0.999, (double)step)));
    const float size = rate / (float)(1 - pow(0.9, (double)step));
    float *restrict p = m->parameter, *restrict first = m->first, *restrict second = m->second;
    const float *restrict g = m->gradient;
#pragma omp parallel for simd schedule(static) if (m->n > 20000)
    for (int64_t i = 0; i < m->n; i++) {
        first[i] = b1 * first[i] + (1 - b1) * g[i];
        second[i] = b2 * second[i] + (1 - b2) * g[i] * g[i];
        p[i] -= size * first[i] / (sqrtf(second[i]) * correct + epsilon);
    }
}
