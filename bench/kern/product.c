/* SPDX-License-Identifier: MIT
 * gemm, gather and scatter over all panels of a packed matrix, as the layers call them. */
#include "case.h"

enum { PRODUCT, LIVE, GATHER, SCATTER }; /* LIVE: a quarter of the columns is zero */

/* Where (row, vector, lane) is in a packed array of `rows` rows. */
static int64_t place(const operands *o, int64_t rows, int64_t row, int64_t unit, int32_t gate) {
    const tkri_panels *p = &o->panels;
    const int64_t vl = o->kern->vl, vector = unit / vl * p->gates + gate;
    int64_t panel = vector * p->n / p->vectors;
    while (tkri_panel_start(p, panel) > vector) {
        panel--;
    }
    while (tkri_panel_start(p, panel + 1) <= vector) {
        panel++;
    }
    const int64_t first = tkri_panel_start(p, panel), width = tkri_panel_width(p, panel);
    return (first * rows + row * width + vector - first) * vl + unit % vl;
}

/* An array [rows] of packed rows, drawn. */
static float *packed(operands *o, int array, int64_t rows) {
    float *p = operands_room(o, o->panels.vectors * o->kern->vl * rows);
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t u = 0; u < o->c->units; u++) {
            for (int32_t gate = 0; gate < o->c->gates; gate++) {
                p[place(o, rows, row, u, gate)] =
                    operands_number(array, row, u * o->c->gates + gate);
            }
        }
    }
    return p;
}

static void make_ids(operands *o) {
    o->ids = (int32_t *)operands_room(o, o->c->rows);
    for (int64_t i = 0; i < o->c->rows; i++) {
        o->ids[i] = (int32_t)((i * 37 + 5) % o->c->k);
    }
}

static void make(operands *o) {
    const kern_case *c = o->c;
    const int ids = c->option == GATHER || c->option == SCATTER, live = c->option == LIVE;
    tkri_gemm *g = &o->gemm;
    o->panels = tkri_panels_of(c->units, c->gates, o->kern->vl);
    o->x = operands_room(o, ids ? 0 : c->rows * c->k);
    for (int64_t i = 0; !ids && i < c->rows * c->k; i++) {
        o->x[i] = live && i % c->k % 4 == 1 ? 0.0f : operands_number(1, i / c->k, i % c->k);
    }
    make_ids(o);
    o->terms = (tkri_term *)operands_room(o, live ? 4 * (c->k + 1) : 0); /* of four floats each */
    o->b = packed(o, 2, c->k);
    *g = (tkri_gemm){.m = c->rows,
                     .blocks = 1,
                     .k = c->k,
                     .a = o->x,
                     .a_row = c->k,
                     .b = o->b,
                     .from = TKRI_FROM_ROW};
    g->c = packed(o, 3, c->rows);
    g->start = packed(o, 4, 1);
    o->n_results = (c->option == SCATTER ? c->k : c->rows) * c->units * c->gates;
    o->elements = (double)(c->rows * c->units * c->gates);
    o->flops = ids ? 0 : 2 * o->elements * (double)(live ? c->k - (c->k + 2) / 4 : c->k);
    o->absolute = ids ? 0 : 0x1p-22 * (double)(c->k + 2);
}

static tkri_gemm panel_of(const operands *o, int64_t panel) {
    const int64_t vl = o->kern->vl, first = tkri_panel_start(&o->panels, panel) * vl;
    tkri_gemm g = o->gemm;
    g.width = tkri_panel_width(&o->panels, panel);
    g.half = tkri_panel_half(&o->panels, panel);
    g.b += first * g.k;
    g.c += first * g.m;
    g.start += first;
    g.b_k = g.c_row = g.width * vl;
    return g;
}

static void run(operands *o) {
    const int live = o->c->option == LIVE && o->kern->live;
    const int64_t k = o->gemm.k;
    const int64_t n = live ? o->kern->live(o->terms, o->x, k, o->gemm.m, k) : k;
    for (int64_t panel = 0; panel < o->panels.n; panel++) {
        tkri_gemm g = panel_of(o, panel);
        g.k = n;
        g.terms = live ? o->terms : NULL;
        if (o->c->option == GATHER) {
            o->kern->gather(&g, o->ids);
        } else if (o->c->option == SCATTER) {
            const tkri_gemm back = {.k = g.m,
                                    .width = g.width,
                                    .b = g.c,
                                    .b_k = g.c_row,
                                    .c = o->b + (g.b - o->gemm.b),
                                    .c_row = g.b_k};
            o->kern->scatter(&back, o->ids);
        } else {
            o->kern->gemm(&g);
        }
    }
}

static double read(const operands *o, int64_t i) {
    const kern_case *c = o->c;
    const int32_t gate = (int32_t)(i % c->gates);
    const int64_t unit = i / c->gates % c->units, row = i / c->gates / c->units;
    const float *from = c->option == SCATTER ? o->b : o->gemm.c;
    return (double)from[place(o, c->option == SCATTER ? c->k : c->rows, row, unit, gate)];
}

static const kern_family products = {make, run, read, 0};

#define GEMM(shape, m, k, units, gates, minor) \
    {"gemm", shape, &products, m, k, units, gates, PRODUCT, minor}

const kern_case kern_product_cases[] = {
    GEMM("step, Elman H 40, B 50", 50, 40, 40, 1, 0),
    GEMM("step, Elman H 200, B 50", 50, 200, 200, 1, 0),
    {"gemm", "the same, 1/4 zero", &products, 50, 200, 200, 1, LIVE, 0},
    GEMM("step, LSTM H 128, B 16", 16, 128, 128, 4, 0),
    GEMM("step, LSTM H 256, B 32", 32, 256, 256, 4, 0),
    GEMM("step, GRU H 256, B 32", 32, 256, 256, 3, 0),
    GEMM("step, LSTM H 512, B 32", 32, 512, 512, 4, 0),
    GEMM("step, LSTM H 256, B 1", 1, 256, 256, 4, 0),
    GEMM("bulk, 400 x 256 to 256 x 4", 400, 256, 256, 4, 0),
    GEMM("back, 32 x 1024 to 256", 32, 1024, 256, 1, 0),
    GEMM("dW, 200 x 160 to 200", 200, 160, 200, 1, 0),
    GEMM("dW, 512 x 96 to 512 x 4", 512, 96, 512, 4, 0),
    GEMM("tails, 7 x 37 to 13 x 3", 7, 37, 13, 3, 1),
    GEMM("tails, 11 x 5 to 41", 11, 5, 41, 1, 1),
    {"gather", "1500 ids of 128 to 40", &products, 1500, 128, 40, 1, GATHER, 0},
    {"gather", "512 ids of 96 to 512 x 4", &products, 512, 96, 512, 4, GATHER, 0},
    {"gather", "tails, 7 ids of 5 to 13 x 3", &products, 7, 5, 13, 3, GATHER, 1},
    {"scatter", "1500 ids of 128 to 40", &products, 1500, 128, 40, 1, SCATTER, 0},
    {"scatter", "512 ids of 96 to 512 x 4", &products, 512, 96, 512, 4, SCATTER, 0},
    {"scatter", "tails, 7 ids of 5 to 13 x 3", &products, 7, 5, 13, 3, SCATTER, 1},
    {.kernel = NULL},
};
