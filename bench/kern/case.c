/* SPDX-License-Identifier: MIT */
#include "case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layer/recurrent.h"
#include "core/fpmode.h"

const kern_case *kern_case_at(int i) {
    const kern_case *const lists[] = {kern_product_cases, kern_pointwise_cases,
                                      kern_update_cases,  kern_cell_cases,
                                      kern_mask_cases,    kern_quantized_cases};
    for (size_t list = 0; list < sizeof lists / sizeof *lists; list++) {
        const kern_case *c = lists[list];
        for (; c->kernel; c++) {
            if (i-- == 0) {
                return c;
            }
        }
    }
    return NULL;
}

static void give_up(const operands *o, const char *why) {
    fprintf(stderr, "%s %s: %s\n", o->c->kernel, o->c->shape, why);
    exit(1);
}

float *operands_room(operands *o, int64_t n) {
    const size_t bytes = (size_t)(n + TKRI_MAX_VL) * sizeof(float);
    void *block = NULL;
    if (o->n_blocks == BLOCKS_MAX || posix_memalign(&block, 64, bytes)) {
        give_up(o, "no memory");
    }
    memset(block, 0, bytes);
    o->blocks[o->n_blocks++] = block;
    return block;
}

float operands_number(int array, int64_t i, int64_t j) {
    uint64_t z = (uint64_t)array * UINT64_C(0x9E3779B97F4A7C15) +
                 (uint64_t)i * UINT64_C(0xD1B54A32D192ED03) + (uint64_t)j;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (float)((double)(z >> 40) / (1 << 23) - 1.0);
}

float *operands_drawn(operands *o, int array) {
    float *p = operands_room(o, o->c->units);
    for (int64_t i = 0; i < o->c->units; i++) {
        p[i] = operands_number(array, i, 0);
    }
    return p;
}

/* Put a cell with quantized weights in the place of o->cell. */
static int32_t quantize(operands *o, int32_t precision, const tkr_env *env) {
    const tkr_trial trial = {
        .size = sizeof trial, .steps = 1, .input = operands_room(o, o->cell->input)};
    double report[TKR_REPORT_LEN];
    tkr_cell *whole = o->cell;
    const int32_t status = tkr_cell_quantize(&o->cell, report, whole, precision, &trial, env);
    tkr_cell_destroy(whole);
    return status;
}

void operands_cell(operands *o, int32_t kind, int32_t reset, int32_t precision) {
    const tkr_env env = {.size = sizeof env, .tier = o->kern->tier};
    int32_t status = tkr_cell_create(&o->cell, kind, o->c->k, o->c->units, &env);
    if (status == TKR_OK && reset) {
        status = tkr_cell_set_int(o->cell, TKR_RESET, reset);
    }
    if (status == TKR_OK) {
        status = tkr_cell_init(o->cell, 1);
    }
    if (status == TKR_OK && precision) {
        status = quantize(o, precision, &env);
    }
    if (status != TKR_OK) {
        give_up(o, tkr_status_text(status));
    }
    o->ops = tkri_recurrent_of(&o->cell->net->layers[0])->ops;
}

void operands_make(operands *o, const kern_case *c, const tkri_kern *kern,
                   const tkri_quantized_kern *quantized) {
    memset(o, 0, sizeof *o);
    o->c = c;
    o->kern = kern;
    o->quantized = quantized;
    c->family->make(o);
}

void operands_free(operands *o) {
    for (int i = 0; i < o->n_blocks; i++) {
        free(o->blocks[i]);
    }
    tkr_cell_destroy(o->cell);
    memset(o, 0, sizeof *o);
}

void operands_run(operands *o) {
    const tkri_fpmode mode = tkri_fpmode_enter();
    o->c->family->run(o);
    tkri_fpmode_leave(mode);
}

int64_t operands_compare(const operands *got, const operands *want) {
    for (int64_t i = 0; i < want->n_results; i++) {
        const double a = got->c->family->read(got, i), b = want->c->family->read(want, i);
        const double limit = got->absolute + got->relative * fabs(b);
        if (!isfinite(a) || !(fabs(a - b) <= limit)) {
            return i;
        }
    }
    return -1;
}
