/* SPDX-License-Identifier: MIT */
#include "layer/matrix.h"

#include "core/check.h"
#include "core/fpmode.h"
#include "kern/blas.h"

enum { BLOCK_ROWS = 192 }; /* rows of A that stay in cache while the panels go by */

static void run_block(const tkri_product *p, int64_t from, int64_t to) {
    for (int64_t panel = from; panel < to; panel++) {
        const tkri_gemm g = tkri_product_panel(p, panel);
        if (p->bulk) {
            tkri_bulk_gemm(p->kern, &g);
        } else {
            p->kern->gemm(&g);
        }
    }
}

static void run_panels(const tkri_product *p, int64_t from, int64_t to) {
    if (p->rows <= BLOCK_ROWS) {
        run_block(p, from, to);
        return;
    }
    tkri_product part = *p;
    for (int64_t row = 0; row < p->rows; row += BLOCK_ROWS) {
        part.rows = tkri_min(BLOCK_ROWS, p->rows - row);
        part.a = p->a + row * p->a_row;
        part.c = p->c + row * p->c_row;
        run_block(&part, from, to);
    }
}

static void run_group(void *argument, int64_t group) {
    const tkri_product *p = argument;
    const uint64_t mode = tkri_fpmode_enter();
    run_panels(p, p->panels.n * group / TKRI_GROUPS, p->panels.n * (group + 1) / TKRI_GROUPS);
    tkri_fpmode_leave(mode);
}

void tkri_product_run(const tkri_product *p) {
    if (p->team) {
        tkri_product lent = *p;
        tkri_team_run(p->team, TKRI_GROUPS, run_group, &lent);
    } else {
        run_panels(p, 0, p->panels.n);
    }
}

void tkri_product_gather(const tkri_product *p, const int32_t *ids) {
    for (int64_t panel = 0; panel < p->panels.n; panel++) {
        const tkri_gemm g = tkri_product_panel(p, panel);
        p->kern->gather(&g, ids);
    }
}

int64_t tkri_packed_transpose_len(int32_t vl, int64_t units, int32_t gates, int64_t k) {
    return tkri_tiles(units, vl) * vl * gates * tkri_tiles(k, vl) * vl;
}

void tkri_packed_transpose(const tkri_kern *kern, float *out, const float *w, int64_t units,
                           int32_t gates, int64_t k) {
    const int64_t vl = kern->vl;
    const tkri_panels from = tkri_panels_of(units, gates, kern->vl);
    const tkri_panels to = tkri_panels_of(k, 1, kern->vl);
    const int64_t columns = from.vectors * vl;
    for (int64_t q = 0; q < to.n; q++) {
        const int64_t first = tkri_panel_start(&to, q) * vl;
        const int64_t width = tkri_panel_width(&to, q) * vl;
        for (int64_t p = 0; p < from.n; p++) {
            const int64_t column = tkri_panel_start(&from, p) * vl;
            const int64_t n = tkri_panel_width(&from, p) * vl;
            tkri_transpose(out + first * columns + column * width, width,
                           w + column * k + first * n, n, tkri_min(width, k - first), n);
        }
    }
}
