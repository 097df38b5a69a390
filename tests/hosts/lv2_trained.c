/* SPDX-License-Identifier: MIT
 * A model that was trained (by examples/amp) in the plug-in: what is heard has the bits of the
 * inference forward of a sequence.
 *
 * usage: lv2_trained MODEL RATE */
#include <stdio.h>
#include <stdlib.h>

#include "hosts/lv2_host.h"
#include "hosts/lv2_models.h"
#include "support/support.h"

enum { LEN = 9000, BLOCK = 64 };

static const char *model;
static double rate;
static float in[LEN], out[LEN], want[LEN];

static void test_trained(void **unused) {
    tkr_cell *cell;
    tkr_sequence *seq;
    (void)unused;
    signal_make(in, LEN, 5);
    assert_ok(tkr_cell_load(&cell, model, NULL));
    assert_ok(tkr_sequence_create(&seq, cell, LEN, 1, TKR_INFERENCE, NULL));
    assert_ok(tkr_sequence_forward(seq, in, NULL, LEN, 1));
    assert_ok(tkr_sequence_output(seq, want, LEN));
    tkr_sequence_destroy(seq);
    tkr_cell_destroy(cell);

    host *h = host_open(rate, WORKER_BY_HAND);
    host_activate(h);
    host_set(h, model);
    host_run(h, NULL, NULL, 0);
    host_work(h);
    for (uint32_t done = 0; done < LEN; done += BLOCK) {
        const uint32_t n = LEN - done < BLOCK ? LEN - done : BLOCK;
        host_run(h, out + done, in + done, n);
    }
    assert_int_equal((int)h->status, RUNNING);
    signal_same(out, want, LEN);
    host_close(h);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_trained)};
    if (argc != 3) {
        fprintf(stderr, "usage: lv2_trained MODEL RATE\n");
        return EXIT_FAILURE;
    }
    model = argv[1];
    rate = strtod(argv[2], NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
