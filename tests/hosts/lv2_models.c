/* SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700
#include "hosts/lv2_models.h"

#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/support.h"

/* ---- the folder ------------------------------------------------------------------------------ */

static char folder[64];

static int remove_one(const char *path, const struct stat *what, int type, struct FTW *place) {
    (void)what;
    (void)type;
    (void)place;
    return remove(path);
}

static void remove_folder(void) {
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *models_folder(void) {
    if (folder[0] == '\0') {
        strcpy(folder, "/tmp/tekrar-lv2-XXXXXX");
        assert_non_null(mkdtemp(folder));
        atexit(remove_folder);
    }
    return folder;
}

const char *models_path(const char *name) {
    static char paths[32][200];
    static int next;
    char *path = paths[next++ % 32];
    snprintf(path, sizeof paths[0], "%s/%s", models_folder(), name);
    return path;
}

const char *models_write(const char *name, const char *bytes) {
    const char *path = models_path(name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_true(fputs(bytes, file) >= 0);
    assert_int_equal(fclose(file), 0);
    return path;
}

/* ---- models ---------------------------------------------------------------------------------- */

const char *models_make(const char *name, const model_kind *kind) {
    enum { H = 6 };
    tkr_cell *part[2], *net;
    int64_t width = 0;
    const char *path = models_path(name);
    assert_ok(tkr_cell_create(&part[0], kind->kind, kind->inputs, H, NULL));
    if (kind->directions != 0) {
        assert_ok(tkr_cell_set_int(part[0], TKR_DIRECTIONS, kind->directions));
    }
    assert_ok(tkr_cell_shape(part[0], NULL, NULL, &width));
    assert_ok(tkr_cell_create(&part[1], TKR_LINEAR, width, kind->outputs, NULL));
    assert_ok(tkr_cell_chain(&net, part, 2, NULL));
    assert_ok(tkr_cell_init(net, kind->seed));
    if (kind->rate != NULL) {
        assert_ok(tkr_cell_set_metadata(net, "sample_rate", kind->rate));
    }
    assert_ok(tkr_cell_save(net, path));
    tkr_cell_destroy(net);
    return path;
}

const char *models_plain(const char *name, uint64_t seed, const char *rate) {
    int32_t kind = seed % 2 ? TKR_GRU : TKR_LSTM;
    return models_make(name, &(model_kind){kind, 1, 1, 0, rate, seed});
}

/* ---- what it is to sound like ---------------------------------------------------------------- */

reference reference_open(const char *path, uint32_t k) {
    reference r = {.k = k};
    assert_true(k <= MODELS_STREAMS);
    assert_ok(tkr_cell_load(&r.cell, path, NULL));
    for (uint32_t i = 0; i < k; i++) {
        assert_ok(tkr_state_create(&r.streams[i], r.cell, 1, NULL));
    }
    return r;
}

void reference_run(reference *r, float *y, const float *x, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(tkr_cell_step(r->cell, r->streams[r->turn], &y[i], &x[i]), TKR_OK);
        r->turn = (r->turn + 1) % r->k;
    }
}

void reference_reset(reference *r) {
    for (uint32_t i = 0; i < r->k; i++) {
        assert_ok(tkr_state_reset(r->streams[i]));
    }
    r->turn = 0;
}

void reference_close(reference *r) {
    for (uint32_t i = 0; i < r->k; i++) {
        tkr_state_destroy(r->streams[i]);
    }
    tkr_cell_destroy(r->cell);
}

void signal_make(float *x, uint32_t n, uint32_t seed) {
    uint32_t noise = seed * 2654435761u + 1;
    for (uint32_t i = 0; i < n; i++) {
        noise = noise * 1664525u + 1013904223u;
        x[i] = 0.5f * sinf(0.031f * (float)i) + 0.3f * sinf(0.27f * (float)i) +
               1e-9f * (float)(noise >> 8);
    }
}

void signal_fade(float *y, const float *from, const float *to, uint32_t n, uint32_t ramp) {
    for (uint32_t i = 0; i < n; i++) {
        float share = (float)(i + 1) / (float)ramp;
        y[i] = i < ramp ? from[i] + (to[i] - from[i]) * share : to[i];
    }
}

void signal_same(const float *got, const float *want, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        if (memcmp(&got[i], &want[i], sizeof *got) != 0) {
            fail_msg("sample %u of %u: %.9g, not %.9g", i, n, (double)got[i], (double)want[i]);
        }
    }
}
