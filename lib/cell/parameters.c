/* SPDX-License-Identifier: MIT
 * The offset table at work: between PyTorch's layout and the packed one. */
#include <string.h>

#include "cell/cell.h"
#include "core/check.h"

tkri_packed_row tkri_parameter_packed(const tkri_parameter *p, int32_t vl, int64_t row) {
    const tkri_panels panels = tkri_panels_of(p->units, p->gates, vl);
    const int64_t gate = row / p->units, unit = row % p->units, tile = unit / vl;
    int64_t panel = tile;
    if (p->gates == 1) {
        panel = tile * panels.n / panels.vectors;
        while (tkri_panel_start(&panels, panel + 1) <= tile) {
            panel++;
        }
    }
    const int64_t first = tkri_panel_start(&panels, panel);
    const int64_t vector = p->gates == 1 ? tile - first : p->order[gate];
    return (tkri_packed_row){first, tkri_panel_width(&panels, panel) * vl, vector * vl + unit % vl};
}

tkri_strided tkri_parameter_row(const tkri_parameter *p, int32_t vl, int64_t row) {
    if (p->ld) {
        return (tkri_strided){p->offset + row * p->ld, 1};
    }
    const tkri_packed_row at = tkri_parameter_packed(p, vl, row);
    return (tkri_strided){p->offset + at.first * vl * p->k + at.column, at.width};
}

int64_t tkri_parameter_columns(const tkri_parameter *p) {
    int64_t n = 1;
    for (int i = 1; i < TKRI_PARAMETER_RANK; i++) {
        n *= p->shape[i];
    }
    return n;
}

int64_t tkri_parameter_len(const tkri_parameter *p) {
    return p->shape[0] * tkri_parameter_columns(p);
}

/* Rows and columns that are copied together: rows side by side in packed vectors share cache lines,
 * and so many columns of them stay in a first-level cache. */
enum { ROWS = TKRI_MAX_VL, COLUMNS = 64 };

/* Find up to ROWS rows from `row` on. Returns how many there are. */
static int64_t place_rows(tkri_strided at[ROWS], const tkri_parameter *p, int32_t vl, int64_t row) {
    const int64_t n = tkri_min(p->shape[0] - row, ROWS);
    for (int64_t i = 0; i < n; i++) {
        at[i] = tkri_parameter_row(p, vl, row + i);
    }
    return n;
}

static void export_rows(const tkri_strided *at, int64_t n, int64_t columns, const float *flat,
                        float *out) {
    for (int64_t c = 0; c < columns; c += COLUMNS) {
        for (int64_t i = 0; i < n; i++) {
            const float *from = flat + at[i].start + c * at[i].step;
            float *to = out + i * columns + c, *end = to + tkri_min(COLUMNS, columns - c);
            for (; to < end; from += at[i].step) {
                *to++ = *from;
            }
        }
    }
}

static void import_rows(const tkri_strided *at, int64_t n, int64_t columns, float *flat,
                        const float *in) {
    for (int64_t c = 0; c < columns; c += COLUMNS) {
        for (int64_t i = 0; i < n; i++) {
            float *to = flat + at[i].start + c * at[i].step;
            const float *from = in + i * columns + c, *end = from + tkri_min(COLUMNS, columns - c);
            for (; from < end; to += at[i].step) {
                *to = *from++;
            }
        }
    }
}

void tkri_parameter_export(const tkri_parameter *p, int32_t vl, const float *flat, float *out) {
    tkri_strided at[ROWS];
    const int64_t columns = tkri_parameter_columns(p);
    for (int64_t row = 0; row < p->shape[0]; row += ROWS) {
        const int64_t n = place_rows(at, p, vl, row);
        export_rows(at, n, columns, flat, out + row * columns);
    }
}

void tkri_parameter_import(const tkri_parameter *p, int32_t vl, float *flat, const float *in) {
    tkri_strided at[ROWS];
    const int64_t columns = tkri_parameter_columns(p);
    for (int64_t row = 0; row < p->shape[0]; row += ROWS) {
        const int64_t n = place_rows(at, p, vl, row);
        import_rows(at, n, columns, flat, in + row * columns);
    }
}

const tkri_parameter *tkri_parameter_find(const tkri_net *net, const char *name) {
    for (int64_t i = 0; i < net->n_parameters; i++) {
        if (strcmp(net->parameters[i].name, name) == 0) {
            return &net->parameters[i];
        }
    }
    return NULL;
}
