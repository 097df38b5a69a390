/* SPDX-License-Identifier: MIT
 * Writes a session of examples/lv2 with a model in it, for hosts that are programs of their own.
 *
 * usage: lv2_session FOLDER */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hosts/lv2_host.h"
#include "hosts/lv2_models.h"
#include "support/support.h"

int main(int argc, char **argv) {
    char model[500];
    if (argc != 2 || strlen(argv[1]) > 400) {
        fprintf(stderr, "usage: lv2_session FOLDER\n");
        return EXIT_FAILURE;
    }
    snprintf(model, sizeof model, "%s/model.safetensors", argv[1]);
    assert_int_equal(rename(models_plain("model", 2, NULL), model), 0);
    host *h = host_open(48000, WORKER_BY_HAND);
    host_activate(h);
    host_set(h, model);
    host_run(h, NULL, NULL, 0);
    host_work(h);
    host_run(h, NULL, NULL, 0);
    assert_int_equal((int)h->status, RUNNING);
    host_save(h, argv[1]);
    host_close(h);
    return EXIT_SUCCESS;
}
